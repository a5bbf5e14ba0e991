package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// Compare is a condition of a commit: the last change of Key was at Revision, or with Revision 0, Key does not exist.
type Compare struct {
	Key      string
	Revision uint64
}

// Op changes one key: Put and Delete make one.
type Op struct {
	Key    string
	Value  []byte
	Delete bool
}

// Put sets key to value, which has at least one byte. The caller must not change value until the commit is answered.
func Put(key string, value []byte) Op { return Op{Key: key, Value: value} }

// Delete removes key. It is no error if it does not exist.
func Delete(key string) Op { return Op{Key: key, Delete: true} }

// maxKey keeps several keys to a page of 4 KiB.
const maxKey = 1024

// commit is one call of Commit on its way through a transaction that it may share.
type commit struct {
	compares []Compare
	ops      []Op

	done     chan struct{} // closed when the answer is there
	revision uint64
	err      error
}

// Commit makes all changes of ops if all compares hold, and answers when they are on the disk, with their revision.
// Without ops, or if all of them delete what does not exist, nothing is written and the revision stays.
//
// An error means that nothing of it is stored, now or later, except ErrUnconfirmed. This holds for the end of ctx too:
// a commit that is being written is not abandoned but answered.
//
// Two syncs of the disk take far longer than everything else, so the commits that arrive meanwhile share the next
// transaction: each as if alone, in the order of arrival.
func (s *Store) Commit(ctx context.Context, compares []Compare, ops []Op) (revision uint64, err error) {
	if err := check(ops); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	c := &commit{compares: compares, ops: ops, done: make(chan struct{})}
	s.mu.Lock()
	s.waiting = append(s.waiting, c)
	s.mu.Unlock()
	select {
	case <-c.done:
	case s.writer <- struct{}{}:
		s.writeWaiting()
		<-s.writer
	case <-ctx.Done():
		if s.withdraw(c) {
			return 0, ctx.Err()
		}
	}
	<-c.done
	return c.revision, c.err
}

// check refuses what bbolt or etcd would refuse in the middle of a transaction.
func check(ops []Op) error {
	seen := make(map[string]bool, len(ops))
	for _, op := range ops {
		switch {
		case op.Key == "":
			return errors.New("commit: a key is empty")
		case len(op.Key) > maxKey:
			return fmt.Errorf("commit: key %.40q… has %d bytes, more than %d", op.Key, len(op.Key), maxKey)
		case seen[op.Key]:
			return fmt.Errorf("commit: key %q is there twice", op.Key)
		case op.Delete && op.Value != nil:
			return fmt.Errorf("commit: key %q is to be deleted and has a value", op.Key)
		case !op.Delete && len(op.Value) == 0:
			return fmt.Errorf("commit: key %q has no value", op.Key)
		}
		seen[op.Key] = true
	}
	return nil
}

// withdraw takes c back, unless somebody is writing it.
func (s *Store) withdraw(c *commit) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.waiting, c)
	if i < 0 {
		return false
	}
	s.waiting = slices.Delete(s.waiting, i, i+1)
	return true
}

// writeWaiting answers all commits that wait, with one transaction. The caller holds the writer token.
func (s *Store) writeWaiting() {
	s.mu.Lock()
	group := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	if len(group) == 0 {
		return // an earlier holder of the token has written the caller's as well
	}
	if err := s.write(group); err != nil {
		// Also those with a conflict: what they are in conflict with may have been in this very transaction.
		for _, c := range group {
			c.revision, c.err = 0, err
		}
	}
	for _, c := range group {
		close(c.done)
	}
}

// write makes one transaction of the group. An error means that it holds for all of them.
func (s *Store) write(group []*commit) error {
	if err := s.alive(); err != nil {
		return err
	}
	next := s.head
	err := guard(func() error { return s.transaction(group, &next) })
	if err == nil {
		s.head = next
		s.mu.Lock()
		s.wakeLocked()
		s.mu.Unlock()
		return nil
	}
	err = s.afterFailure(err)
	return fmt.Errorf("commit to %s: %w", s.path, err)
}

func (s *Store) transaction(group []*commit, next *head) error {
	tx, err := s.db.Begin(true)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after endTransaction
	for _, c := range group {
		if err := s.apply(tx, next, c); err != nil {
			return err
		}
	}
	if *next == s.head {
		return nil
	}
	return s.endTransaction(tx)
}

// afterFailure finds out what a failed transaction has left behind. Until bbolt writes its meta page, the last of
// all, nothing has: the changes lie in pages that nothing refers to. If the meta page was written, but syncing it
// failed, the changes can be read, and may or may not outlive a restart; syncing again would tell nothing, for Linux
// reports a lost page once only (fsync(2)).
func (s *Store) afterFailure(err error) error {
	var found uint64
	readErr := s.view(func(tx *bbolt.Tx) error {
		found = newest(tx)
		return nil
	})
	switch {
	case readErr != nil || found != s.head.revision:
		err = fmt.Errorf("%w: %w", ErrUnconfirmed, err)
		s.die(err)
	case errors.Is(err, ErrCorrupt):
		s.die(err) // bbolt may have been interrupted anywhere
	default:
		err = diskError(err)
	}
	return err
}

// apply carries out c within tx: a conflict is the answer to c alone, an error is one of the whole transaction.
func (s *Store) apply(tx *bbolt.Tx, next *head, c *commit) error {
	keys := tx.Bucket(bucketKeys)
	for _, compare := range c.compares {
		have, _, err := get(keys, compare.Key)
		if err != nil {
			return err
		}
		if have != compare.Revision {
			c.err = &ConflictError{Key: compare.Key, Have: have, Want: compare.Revision}
			return nil
		}
	}
	change := Change{Revision: next.revision + 1, Time: time.Now()}
	for _, op := range c.ops {
		_, previous, err := get(keys, op.Key)
		if err != nil {
			return err
		}
		key := []byte(op.Key)
		switch {
		case !op.Delete:
			err = keys.Put(key, encodeValue(key, change.Revision, op.Value))
		case previous == nil:
			continue
		default:
			err = keys.Delete(key)
		}
		if err != nil {
			return err
		}
		switch {
		case op.Delete:
			next.keys--
		case previous == nil:
			next.keys++
		}
		change.Events = append(change.Events, Event{Key: op.Key, Value: op.Value, Previous: previous})
	}
	if len(change.Events) > 0 {
		if err := s.remember(tx, next, change); err != nil {
			return err
		}
		if err := putMeta(tx, metaKeys, strconv.Itoa(next.keys)); err != nil {
			return err
		}
	}
	c.revision = next.revision
	return nil
}

// get is the revision and value of a key: 0 and nil if it does not exist. The value belongs to bbolt and is good
// until the transaction ends.
func get(keys *bbolt.Bucket, key string) (revision uint64, value []byte, err error) {
	record := keys.Get([]byte(key))
	if record == nil {
		return 0, nil, nil
	}
	return header([]byte(key), record)
}

// List is all keys that begin with prefix, in order, and the revision of the store at which this is so.
func (s *Store) List(prefix string) (found []KV, revision uint64, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		revision = newest(tx)
		cursor := tx.Bucket(bucketKeys).Cursor()
		for key, record := cursor.Seek([]byte(prefix)); key != nil; key, record = cursor.Next() {
			name := string(key)
			if !strings.HasPrefix(name, prefix) {
				break
			}
			changed, value, err := header(key, record)
			if err != nil {
				return err
			}
			found = append(found, KV{Key: name, Value: slices.Clone(value), Revision: changed})
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list %q in %s: %w", prefix, s.path, err)
	}
	return found, revision, nil
}
