// Package store keeps what must survive a restart: keys and values on the controller's own disk, changed all or
// nothing, each change with a revision of its own and remembered for those who watch.
//
// The controller alone imports it. It knows nothing of networks or hosts: keys are paths, values are bytes. Its
// shape is what etcd offers as well (one revision for all keys, compare and commit, list a prefix, watch from a
// revision), so that etcd can take its place when several controllers share one state. A transaction of etcd holds
// 128 operations by default; here nothing limits them.
//
// The disk is one bbolt file, whose buckets are
//
//	meta     what the directory is: format, cluster id, epoch
//	keys     key      → revision of its last change, value
//	history  revision → time, and what was before and after; the oldest are trimmed
//
// The newest entry of history is the store's revision: every commit that changes something adds exactly one.
package store

import (
	"fmt"
	"os"
	"sync"

	"go.etcd.io/bbolt"
)

// KV is a key with its value. Revision is that of the last change of this key.
type KV struct {
	Key      string
	Value    []byte
	Revision uint64
}

// Options may be left zero.
type Options struct {
	// HistoryChanges is how many changes a watcher may fall behind; 10,000 if 0.
	HistoryChanges int
	// HistoryBytes limits the same by size, because one change may declare thousands of endpoints; 64 MiB if 0.
	// The newest change is kept whatever its size.
	HistoryBytes int
}

const (
	defaultHistoryChanges = 10_000
	defaultHistoryBytes   = 64 << 20
)

// Store is safe for concurrent use.
type Store struct {
	options   Options
	path      string
	db        *bbolt.DB
	lock      *os.File
	clusterID string
	epoch     uint64

	// writer holds one token: whoever has it writes for everybody in waiting, and alone touches head.
	writer chan struct{}
	head   head
	// endTransaction is bbolt's Tx.Commit; tests let it fail where only a broken disk would.
	endTransaction func(*bbolt.Tx) error

	mu      sync.Mutex
	waiting []*commit
	changed chan struct{} // closed and replaced after each transaction: wakes watchers
	dead    error         // why nothing is answered any more: closed, or the disk left a commit unconfirmed
}

// head is where history stands.
type head struct {
	revision     uint64 // newest change; 0 before the first
	oldest       uint64 // oldest change still in history; revision+1 if there is none
	historyBytes int
	keys         int // how many there are
}

// ClusterID is born with the data directory and never changes: 16 hexadecimal digits.
func (s *Store) ClusterID() string { return s.clusterID }

// Epoch is one more at each Open, durably: a later controller on the same state has the larger one. It serves as
// generation_id of OpenFlow's role request (OpenFlow 1.4, 6.3.5), with which a switch tells a stale master.
func (s *Store) Epoch() uint64 { return s.epoch }

// Close waits for the commit that is being written; those not begun, and all later calls, get ErrClosed.
func (s *Store) Close() error {
	s.writer <- struct{}{}
	defer func() { <-s.writer }()
	if !s.die(ErrClosed) {
		return nil
	}
	err := s.db.Close()
	if e := s.lock.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("close %s: %w", s.path, err)
	}
	return nil
}

// die makes every later call fail with the reason, and wakes watchers so that they learn it. It reports whether the
// store was open until now.
func (s *Store) die(reason error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	wasOpen := s.dead != ErrClosed
	s.dead = reason
	s.wakeLocked()
	return wasOpen
}

// alive is nil, or why the store answers nothing any more.
func (s *Store) alive() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

func (s *Store) wakeLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}
