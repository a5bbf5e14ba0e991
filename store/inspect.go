package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

var (
	bucketMeta    = []byte("meta")
	bucketKeys    = []byte("keys")
	bucketHistory = []byte("history")
)

const (
	metaFormat  = "format"
	metaCluster = "cluster"
	metaEpoch   = "epoch"

	// format changes when an older weft could not read the file any more.
	format = "1"
)

// contents is what an inspection finds.
type contents struct {
	clusterID string
	epoch     uint64
	head      head
}

// inspect reads every record of the file once. Damage is found here, at the start, and not in the middle of a write.
func inspect(path string) (c contents, err error) {
	db, err := openFile(path, bbolt.Options{ReadOnly: true})
	if err != nil {
		return c, err
	}
	defer db.Close()
	err = guard(func() error {
		return db.View(func(tx *bbolt.Tx) error {
			for _, step := range []func(*bbolt.Tx) error{c.readMeta, c.readHistory, c.readKeys} {
				if err := step(tx); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return c, err
}

func (c *contents) readMeta(tx *bbolt.Tx) error {
	for _, name := range [][]byte{bucketMeta, bucketKeys, bucketHistory} {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("%w: it has no bucket %q, so weft has not made it", ErrCorrupt, name)
		}
	}
	found, err := getMeta(tx, metaFormat)
	if err != nil {
		return err
	}
	if found != format {
		return fmt.Errorf("it has format %s, and this weft reads format %s; run the newer weft that wrote it", found, format)
	}
	if c.clusterID, err = getMeta(tx, metaCluster); err != nil {
		return err
	}
	epoch, err := getMeta(tx, metaEpoch)
	if err != nil {
		return err
	}
	if c.epoch, err = strconv.ParseUint(epoch, 10, 64); err != nil {
		return fmt.Errorf("%w: epoch %q", ErrCorrupt, epoch)
	}
	return nil
}

func (c *contents) readHistory(tx *bbolt.Tx) error {
	c.head.oldest = 1
	return tx.Bucket(bucketHistory).ForEach(func(key, record []byte) error {
		change, err := decodeChange(key, record)
		if err != nil {
			return err
		}
		if c.head.revision == 0 {
			c.head.oldest = change.Revision
		} else if change.Revision != c.head.revision+1 {
			return fmt.Errorf("%w: change %d follows change %d", ErrCorrupt, change.Revision, c.head.revision)
		}
		c.head.revision = change.Revision
		c.head.historyBytes += len(record)
		return nil
	})
}

func (c *contents) readKeys(tx *bbolt.Tx) error {
	return tx.Bucket(bucketKeys).ForEach(func(key, record []byte) error {
		revision, _, err := header(key, record)
		if err == nil && (revision == 0 || revision > c.head.revision) {
			err = fmt.Errorf("%w: key %q is of revision %d, the newest change of revision %d", ErrCorrupt, key, revision, c.head.revision)
		}
		return err
	})
}

func getMeta(tx *bbolt.Tx, name string) (string, error) {
	_, value, err := header([]byte(name), tx.Bucket(bucketMeta).Get([]byte(name)))
	return string(value), err
}

func putMeta(tx *bbolt.Tx, name, value string) error {
	return tx.Bucket(bucketMeta).Put([]byte(name), encodeValue([]byte(name), 0, []byte(value)))
}

// newest is the revision of the last entry of history.
func newest(tx *bbolt.Tx) uint64 {
	key, _ := tx.Bucket(bucketHistory).Cursor().Last()
	if key == nil {
		return 0
	}
	return binary.BigEndian.Uint64(key)
}

// guard turns what a damaged file or a failing disk does to bbolt, a panic or a fault on a mapped page (mmap(2):
// SIGBUS), into an error.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrCorrupt, p)
		}
	}()
	return fn()
}

// view runs fn in a transaction that reads.
func (s *Store) view(fn func(tx *bbolt.Tx) error) error {
	if err := s.alive(); err != nil {
		return err
	}
	err := guard(func() error { return s.db.View(fn) })
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}
