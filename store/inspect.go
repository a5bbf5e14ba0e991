package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
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
	// metaKeys is how many keys there are. bbolt has no checksum of a page, and a page that has lost its last element
	// is as good as any.
	metaKeys = "keys"

	// format changes when an older weft could not read the file any more.
	format = "1"
)

// contents is what an inspection finds.
type contents struct {
	format    string
	clusterID string
	epoch     uint64
	head      head
	newestKey uint64
	keys      string // how many there should be
}

// inspect reads the whole file once. Damage is found here, at the start, and not in the middle of a write.
func inspect(path string) (contents, error) {
	c := contents{head: head{oldest: 1}}
	if info, err := os.Stat(path); err != nil {
		return c, err
	} else if info.Size() == 0 {
		return c, fmt.Errorf("%w: it is empty", ErrCorrupt) // bbolt would begin a new one
	}
	// bbolt, opened for reading, looks at nothing but its meta pages.
	db, err := openFile(path, bbolt.Options{ReadOnly: true})
	if err != nil {
		return c, err
	}
	defer db.Close()
	file, err := os.Open(path)
	if err != nil {
		return c, err
	}
	defer file.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		pageSize := uint64(db.Info().PageSize)
		w := &walker{file: file, pageSize: pageSize, end: uint64(tx.Size()) / pageSize, seen: map[uint64]bool{}}
		return c.read(w, uint64(tx.Cursor().Bucket().Root()))
	})
	if err != nil && !errors.Is(err, ErrCorrupt) {
		err = diskError(err)
	}
	return c, err
}

// read fills c with what the buckets say, whose names are in the tree at root.
func (c *contents) read(w *walker, root uint64) error {
	readers := map[string]func(element) error{
		string(bucketMeta):    c.readMeta,
		string(bucketKeys):    c.readKey,
		string(bucketHistory): c.readChange,
	}
	err := w.tree(root, nil, nil, func(e element) error {
		reader := readers[string(e.key)]
		if reader == nil || !e.bucket {
			return fmt.Errorf("%w: it has something named %q, which weft has not made", ErrCorrupt, e.key)
		}
		delete(readers, string(e.key))
		return w.bucket(e.value, func(record element) error {
			if record.bucket {
				return fmt.Errorf("%w: bucket %q has a bucket %q", ErrCorrupt, e.key, record.key)
			}
			return reader(record)
		})
	})
	switch {
	case err != nil:
		return err
	case c.format != "" && c.format != format:
		return fmt.Errorf("it has format %s, and this weft reads format %s; run the newer weft that wrote it", c.format, format)
	case len(readers) > 0 || c.format == "" || c.clusterID == "" || c.keys == "":
		return fmt.Errorf("%w: it lacks what weft puts into each file", ErrCorrupt)
	case c.keys != strconv.Itoa(c.head.keys):
		return fmt.Errorf("%w: it has %d keys of %s", ErrCorrupt, c.head.keys, c.keys)
	case c.newestKey > c.head.revision:
		return fmt.Errorf("%w: a key is of revision %d, the newest change of revision %d", ErrCorrupt, c.newestKey, c.head.revision)
	}
	return nil
}

func (c *contents) readMeta(e element) error {
	_, value, err := header(e.key, e.value)
	if err != nil {
		return err
	}
	switch string(e.key) {
	case metaFormat:
		c.format = string(value)
	case metaCluster:
		c.clusterID = string(value)
	case metaKeys:
		c.keys = string(value)
	case metaEpoch:
		c.epoch, err = strconv.ParseUint(string(value), 10, 64)
	}
	return err
}

func (c *contents) readKey(e element) error {
	revision, _, err := header(e.key, e.value)
	c.newestKey = max(c.newestKey, revision)
	c.head.keys++
	return err
}

func (c *contents) readChange(e element) error {
	change, err := decodeChange(e.key, e.value)
	if err != nil {
		return err
	}
	if c.head.revision == 0 {
		c.head.oldest = change.Revision
	} else if change.Revision != c.head.revision+1 {
		return fmt.Errorf("%w: change %d follows change %d", ErrCorrupt, change.Revision, c.head.revision)
	}
	c.head.revision = change.Revision
	c.head.historyBytes += len(e.value)
	return nil
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
