package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// walker reads the pages of a bbolt file and believes nothing of what they say. bbolt itself trusts its pages: over a
// damaged one it panics, in a goroutine of its own where nobody can catch it, or never comes to an end. Everything
// that its walk at Open looks at is therefore looked at here before. Read with pread(2) and not through a map, a bad
// sector is an error as well, and not a signal.
//
//	page     id (8) | flags (2) | count (2) | overflow (4) | count elements | keys and values
//	branch   offset (4) | length of key (4) | id of page (8)
//	leaf     flags (4) | offset (4) | length of key (4) | length of value (4)
//	bucket   id of root page (8) | sequence (8) | if the root is 0, a page
//
// Numbers are in the order of the machine. An offset counts from its element; a value follows its key. A page goes on
// in as many of the following as its overflow says. A bucket is the value of a leaf element with a flag.
type walker struct {
	file     io.ReaderAt
	pageSize uint64
	end      uint64 // no page from this id on is in use
	seen     map[uint64]bool
}

const (
	pageHeader   = 16
	elementSize  = 16
	bucketHeader = 16

	flagBranch = 1
	flagLeaf   = 2
	flagBucket = 1
)

type element struct {
	bucket     bool
	child      uint64
	key, value []byte
}

func damaged(page uint64, format string, args ...any) error {
	return fmt.Errorf("%w: page %d: %s", ErrCorrupt, page, fmt.Sprintf(format, args...))
}

// tree calls leaf for each element below the page, in the order of their keys, which must be at least low and, unless
// high is nil, below high.
func (w *walker) tree(id uint64, low, high []byte, leaf func(element) error) error {
	page, err := w.load(id)
	if err != nil {
		return err
	}
	return w.page(id, page, low, high, leaf)
}

// bucket is like tree for the bucket that is the value of an element.
func (w *walker) bucket(value []byte, leaf func(element) error) error {
	if len(value) < bucketHeader {
		return fmt.Errorf("%w: a bucket has %d bytes", ErrCorrupt, len(value))
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return w.tree(root, nil, nil, leaf)
	}
	return w.page(0, value[bucketHeader:], nil, nil, leaf)
}

func (w *walker) page(id uint64, page, low, high []byte, leaf func(element) error) error {
	elements, branch, err := split(id, page)
	if err != nil {
		return err
	}
	for i, e := range elements {
		if i > 0 && bytes.Compare(elements[i-1].key, e.key) >= 0 || bytes.Compare(e.key, low) < 0 || high != nil && bytes.Compare(e.key, high) >= 0 {
			return damaged(id, "key %q is out of order", e.key)
		}
		if !branch {
			err = leaf(e)
		} else if i+1 < len(elements) {
			err = w.tree(e.child, e.key, elements[i+1].key, leaf)
		} else {
			err = w.tree(e.child, e.key, high, leaf)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// load reads a page with its overflow. Each page has one place in the file's tree, so a second visit is damage too,
// and the walk comes to an end.
func (w *walker) load(id uint64) ([]byte, error) {
	if id >= w.end {
		return nil, damaged(id, "is beyond the last, %d", w.end-1)
	}
	page := make([]byte, w.pageSize)
	if err := w.read(page, id); err != nil {
		return nil, err
	}
	if self := binary.NativeEndian.Uint64(page); self != id {
		return nil, damaged(id, "says that it is page %d", self)
	}
	overflow := uint64(binary.NativeEndian.Uint32(page[12:]))
	if overflow >= w.end-id {
		return nil, damaged(id, "goes on beyond the last, %d", w.end-1)
	}
	for used := id; used <= id+overflow; used++ {
		if w.seen[used] {
			return nil, damaged(used, "is used twice")
		}
		w.seen[used] = true
	}
	if overflow > 0 {
		page = make([]byte, (overflow+1)*w.pageSize)
		if err := w.read(page, id); err != nil {
			return nil, err
		}
	}
	return page, nil
}

func (w *walker) read(page []byte, id uint64) error {
	_, err := w.file.ReadAt(page, int64(id*w.pageSize))
	if errors.Is(err, io.EOF) {
		return damaged(id, "is behind the end of the file, which was cut short")
	}
	return err
}

// split finds the elements of a page.
func split(id uint64, page []byte) (elements []element, branch bool, err error) {
	if len(page) < pageHeader {
		return nil, false, damaged(id, "has %d bytes", len(page))
	}
	flags, count := binary.NativeEndian.Uint16(page[8:]), int(binary.NativeEndian.Uint16(page[10:]))
	branch = flags == flagBranch
	if flags != flagBranch && flags != flagLeaf || branch && count == 0 || len(page) < pageHeader+count*elementSize {
		return nil, false, damaged(id, "flags %#x and %d elements", flags, count)
	}
	elements = make([]element, count)
	for i := range elements {
		e, at := &elements[i], page[pageHeader+i*elementSize:]
		var offset, keyLength, valueLength uint64
		if branch {
			offset, keyLength = number(at), number(at[4:])
			e.child = binary.NativeEndian.Uint64(at[8:])
		} else {
			e.bucket = number(at)&flagBucket != 0
			offset, keyLength, valueLength = number(at[4:]), number(at[8:]), number(at[12:])
		}
		if offset+keyLength+valueLength > uint64(len(at)) {
			return nil, false, damaged(id, "element %d is behind its end", i)
		}
		e.key = at[offset : offset+keyLength]
		e.value = at[offset+keyLength : offset+keyLength+valueLength]
	}
	return elements, branch, nil
}

func number(b []byte) uint64 { return uint64(binary.NativeEndian.Uint32(b)) }
