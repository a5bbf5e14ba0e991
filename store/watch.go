package store

import (
	"context"
	"fmt"
	"iter"
	"time"

	"go.etcd.io/bbolt"
)

// Change is what one commit did.
type Change struct {
	Revision uint64
	Time     time.Time
	Events   []Event // in the order of the commit's operations
}

// Event is what a commit did to one key. No value is empty, so nil means that there is none.
type Event struct {
	Key      string
	Value    []byte // nil: deleted
	Previous []byte // nil: created
}

// A watcher reads history in portions, so that its transaction is short however far behind it is: bbolt cannot reuse
// the pages that an open transaction may look at.
const (
	portionChanges = 100
	portionBytes   = 1 << 20
)

// Watch is every change after revision from, in order, without a gap, for ever. It ends with an error: that of ctx,
// ErrClosed, or ErrCompacted if history does not reach back to from, or has never reached it (from is of another
// data directory, or of a backup's future).
//
// A watcher reads history at its own speed, and Commit never waits for it: one that is slower for long ends with
// ErrCompacted.
func (s *Store) Watch(ctx context.Context, from uint64) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for {
			s.mu.Lock()
			changed := s.changed // taken before reading: a change in between wakes at once
			s.mu.Unlock()
			changes, err := s.history(from)
			if err != nil {
				yield(Change{}, fmt.Errorf("watch from revision %d: %w", from, err))
				return
			}
			for _, c := range changes {
				if ctx.Err() != nil {
					break
				}
				if !yield(c, nil) {
					return
				}
				from = c.Revision
			}
			if len(changes) == 0 {
				select {
				case <-ctx.Done():
				case <-changed:
				}
			}
			if err := ctx.Err(); err != nil {
				yield(Change{}, err)
				return
			}
		}
	}
}

// history is a portion of the changes after revision from, none if there are none yet.
func (s *Store) history(from uint64) (changes []Change, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		last := newest(tx)
		if from == last {
			return nil
		}
		cursor := tx.Bucket(bucketHistory).Cursor()
		key, record := cursor.Seek(revisionKey(from + 1))
		for bytes := 0; key != nil && len(changes) < portionChanges && bytes < portionBytes; key, record = cursor.Next() {
			c, err := decodeChange(key, record)
			if err != nil {
				return err
			}
			changes = append(changes, c)
			bytes += len(record)
		}
		if len(changes) == 0 || changes[0].Revision != from+1 {
			return fmt.Errorf("%w (the newest revision is %d)", ErrCompacted, last)
		}
		return nil
	})
	return changes, err
}

// remember adds a change to history.
func (s *Store) remember(tx *bbolt.Tx, next *head, change Change) error {
	key, record := encodeChange(change)
	if err := tx.Bucket(bucketHistory).Put(key, record); err != nil {
		return err
	}
	next.revision = change.Revision
	next.historyBytes += len(record)
	return s.trim(tx, next)
}

// trim removes the oldest changes until history is within its limits. The newest stays in any case: it holds the
// store's revision.
func (s *Store) trim(tx *bbolt.Tx, next *head) error {
	history := tx.Bucket(bucketHistory)
	for next.oldest < next.revision {
		count := next.revision - next.oldest + 1
		if count <= uint64(s.options.HistoryChanges) && next.historyBytes <= s.options.HistoryBytes {
			break
		}
		key := revisionKey(next.oldest)
		next.historyBytes -= len(history.Get(key))
		if err := history.Delete(key); err != nil {
			return err
		}
		next.oldest++
	}
	return nil
}
