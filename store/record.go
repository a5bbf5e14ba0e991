package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"
)

// A record carries a checksum because bbolt has none for its data pages: one flipped bit in a VNI would quietly join
// two networks.
//
//	value record   CRC-32C (4) | revision (8) | value
//	change record  CRC-32C (4) | nanoseconds since 1970 (8) | events, each: key, value, previous
//
// Numbers are big endian. The parts of an event are a uvarint length and bytes; value and previous have their length
// plus one, and 0 for "none". The checksum covers the bucket's key and everything after the checksum.
const recordHeader = 12

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(key, rest []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, rest)
}

// header checks a record and splits it into its number and the rest, which still belongs to bbolt.
func header(key, record []byte) (number uint64, rest []byte, err error) {
	if len(record) < recordHeader {
		return 0, nil, fmt.Errorf("%w: the record of %q has %d bytes", ErrCorrupt, key, len(record))
	}
	if binary.BigEndian.Uint32(record) != checksum(key, record[4:]) {
		return 0, nil, fmt.Errorf("%w: the record of %q has a wrong checksum", ErrCorrupt, key)
	}
	return binary.BigEndian.Uint64(record[4:]), record[recordHeader:], nil
}

func seal(key, record []byte) []byte {
	binary.BigEndian.PutUint32(record, checksum(key, record[4:]))
	return record
}

func encodeValue(key []byte, revision uint64, value []byte) []byte {
	record := make([]byte, 4, recordHeader+len(value))
	record = binary.BigEndian.AppendUint64(record, revision)
	return seal(key, append(record, value...))
}

func encodeChange(c Change) (key, record []byte) {
	key = revisionKey(c.Revision)
	record = make([]byte, 4, 64)
	record = binary.BigEndian.AppendUint64(record, uint64(c.Time.UnixNano()))
	for _, e := range c.Events {
		record = append(binary.AppendUvarint(record, uint64(len(e.Key))), e.Key...)
		record = appendOptional(record, e.Value)
		record = appendOptional(record, e.Previous)
	}
	return key, seal(key, record)
}

// decodeChange copies what it returns.
func decodeChange(key, record []byte) (Change, error) {
	nanoseconds, rest, err := header(key, record)
	if err != nil {
		return Change{}, err
	}
	if len(key) != 8 {
		return Change{}, fmt.Errorf("%w: %x is not a revision", ErrCorrupt, key)
	}
	c := Change{Revision: binary.BigEndian.Uint64(key), Time: time.Unix(0, int64(nanoseconds)).UTC()}
	rest = append([]byte(nil), rest...)
	for len(rest) > 0 {
		var e Event
		var name []byte
		ok := true
		for _, part := range []struct {
			into *[]byte
			bias uint64
		}{{&name, 0}, {&e.Value, 1}, {&e.Previous, 1}} {
			if *part.into, rest, ok = cut(rest, part.bias); !ok {
				return Change{}, fmt.Errorf("%w: change %d is not what its checksum says", ErrCorrupt, c.Revision)
			}
		}
		e.Key = string(name)
		c.Events = append(c.Events, e)
	}
	return c, nil
}

func appendOptional(to, b []byte) []byte {
	if b == nil {
		return append(to, 0)
	}
	return append(binary.AppendUvarint(to, uint64(len(b))+1), b...)
}

// cut takes a length and so many bytes off b. With a bias of 1 the length is one more, and 0 means none.
func cut(b []byte, bias uint64) (part, rest []byte, ok bool) {
	n, width := binary.Uvarint(b)
	if width <= 0 {
		return nil, nil, false
	}
	b = b[width:]
	if n < bias {
		return nil, b, true
	}
	if n -= bias; n > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}

func revisionKey(revision uint64) []byte {
	return binary.BigEndian.AppendUint64(nil, revision)
}
