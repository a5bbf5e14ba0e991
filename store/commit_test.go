package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"
)

// held lets the test keep a transaction from ending: entered tells that it has begun.
func held(s *Store) (entered <-chan struct{}, release chan<- struct{}) {
	in, out := make(chan struct{}), make(chan struct{})
	s.endTransaction = func(tx *bbolt.Tx) error {
		in <- struct{}{}
		<-out
		return tx.Commit()
	}
	return in, out
}

// waitFor returns when n commits wait for the writer.
func waitFor(s *Store, n int) {
	for {
		s.mu.Lock()
		waiting := len(s.waiting)
		s.mu.Unlock()
		if waiting == n {
			return
		}
		runtime.Gosched()
	}
}

func TestWaitingCommitsShareATransactionEachWithItsOwnAnswer(t *testing.T) {
	s := fresh(t)
	entered, release := held(s)
	var wg sync.WaitGroup
	start := func(name string, wantErr bool, compares []Compare, op Op) {
		wg.Go(func() {
			_, err := s.Commit(context.Background(), compares, []Op{op})
			if (err != nil) != wantErr {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	start("first", false, nil, Put("first", []byte("x")))
	<-entered
	// Their order is that of arrival, so each is started when the one before waits.
	for i, c := range []struct {
		name     string
		wantErr  bool
		compares []Compare
		op       Op
	}{
		{"create", false, []Compare{{"net1", 0}}, Put("net1", []byte("one"))},
		{"create again", true, []Compare{{"net1", 0}}, Put("net1", []byte("two"))},
		{"change what the same transaction created", false, []Compare{{"net1", 2}}, Put("net1", []byte("three"))},
		{"stale", true, []Compare{{"net1", 2}}, Delete("net1")},
		{"unrelated", false, nil, Put("other", []byte("x"))},
	} {
		start(c.name, c.wantErr, c.compares, c.op)
		waitFor(s, i+1)
	}
	release <- struct{}{}
	<-entered // one transaction for all five, or the test hangs
	release <- struct{}{}
	wg.Wait()
	if got, want := contentsOf(t, s), "first=x@1 net1=three@3 other=x@4 at 4"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if changes := after(t, s, 0, 4); len(changes[1].Events) != 1 || changes[2].Events[0].Previous == nil {
		t.Errorf("got %+v, want each commit's own change", changes)
	}
}

func TestOfManyCreatesAtOnceOneWins(t *testing.T) {
	s := fresh(t)
	var won, lost atomic.Int32
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			var conflict *ConflictError
			switch _, err := s.Commit(t.Context(), []Compare{{"net1", 0}}, []Op{Put("net1", fmt.Append(nil, i))}); {
			case err == nil:
				won.Add(1)
			case errors.As(err, &conflict):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 49 {
		t.Errorf("%d won and %d lost, want 1 and 49", won.Load(), lost.Load())
	}
}

func TestCommitWhoseContextEndsBeforeItIsWrittenIsNot(t *testing.T) {
	s := fresh(t)
	entered, release := held(s)
	first := make(chan error)
	go func() {
		_, err := s.Commit(context.Background(), nil, []Op{Put("first", []byte("x"))})
		first <- err
	}()
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	second := make(chan error)
	go func() {
		_, err := s.Commit(ctx, nil, []Op{Put("second", []byte("x"))})
		second <- err
	}()
	waitFor(s, 1)
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("the waiting commit got %v, want context.Canceled", err)
	}
	release <- struct{}{}
	if err := <-first; err != nil {
		t.Error(err)
	}
	if _, err := s.Commit(ctx, nil, []Op{Put("third", []byte("x"))}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if got, want := contentsOf(t, s), "first=x@1 at 1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCommitWhoseContextEndsWhileItIsWrittenIsAnswered(t *testing.T) {
	s := fresh(t)
	entered, release := held(s)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		_, err := s.Commit(ctx, nil, []Op{Put("a", []byte("x"))})
		done <- err
	}()
	<-entered
	cancel()
	release <- struct{}{}
	if err := <-done; err != nil {
		t.Errorf("got %v, want the commit's answer", err)
	}
}

func TestFailedTransactionFailsAllItsCommitsAndLeavesNothing(t *testing.T) {
	s := fresh(t)
	commit1(t, s, Put("a", []byte("1")))
	for errno, want := range map[syscall.Errno]error{
		syscall.ENOSPC: ErrFull, syscall.EDQUOT: ErrFull, syscall.EROFS: ErrReadOnly, syscall.EIO: ErrDisk,
	} {
		s.endTransaction = func(tx *bbolt.Tx) error {
			tx.Rollback()
			return fmt.Errorf("file resize error: truncate weft.db: %s", errno) // as bbolt formats it
		}
		if _, err := s.Commit(t.Context(), nil, []Op{Put("a", []byte("2")), Put("b", []byte("2"))}); !errors.Is(err, want) {
			t.Errorf("%v: got %v, want %v", errno, err, want)
		}
		if got, want := contentsOf(t, s), "a=1@1 at 1"; got != want {
			t.Errorf("%v: got %s, want %s", errno, got, want)
		}
	}
	s.endTransaction = (*bbolt.Tx).Commit
	if revision := commit1(t, s, Put("a", []byte("2"))); revision != 2 {
		t.Errorf("the next commit has revision %d, want 2", revision)
	}
	if changes := after(t, s, 0, 2); changes[1].Revision != 2 {
		t.Errorf("got %+v", changes)
	}
}

func TestConflictWithACommitThatFailedIsNoConflict(t *testing.T) {
	s := fresh(t)
	entered, release := held(s)
	go s.Commit(context.Background(), nil, []Op{Put("first", []byte("x"))})
	<-entered
	answers := make(chan error)
	for i := range 2 {
		go func() {
			_, err := s.Commit(context.Background(), []Compare{{"net1", 0}}, []Op{Put("net1", []byte("x"))})
			answers <- err
		}()
		waitFor(s, i+1)
	}
	// The first transaction still runs with the function that it has.
	s.endTransaction = func(tx *bbolt.Tx) error { tx.Rollback(); return syscall.ENOSPC }
	release <- struct{}{}
	for range 2 {
		if err := <-answers; !errors.Is(err, ErrFull) {
			t.Errorf("got %v, want ErrFull", err)
		}
	}
}

func TestUnconfirmedCommitStopsTheStore(t *testing.T) {
	s := fresh(t)
	commit1(t, s, Put("a", []byte("1")))
	s.endTransaction = func(tx *bbolt.Tx) error {
		tx.Commit()
		return syscall.EIO // as if the sync of the meta page had failed
	}
	if _, err := s.Commit(t.Context(), nil, []Op{Put("a", []byte("2"))}); !errors.Is(err, ErrUnconfirmed) || !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v, want ErrUnconfirmed and its reason", err)
	}
	s.endTransaction = (*bbolt.Tx).Commit
	if _, err := s.Commit(t.Context(), nil, []Op{Put("b", []byte("1"))}); !errors.Is(err, ErrUnconfirmed) {
		t.Errorf("the next commit: %v, want ErrUnconfirmed", err)
	}
	if _, _, err := s.List(""); !errors.Is(err, ErrUnconfirmed) {
		t.Errorf("List: %v, want ErrUnconfirmed", err)
	}
	if err := watchError(t, s, 0); !errors.Is(err, ErrUnconfirmed) {
		t.Errorf("Watch: %v, want ErrUnconfirmed", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func BenchmarkCommit(b *testing.B) {
	s, err := Open(b.TempDir()+"/data", Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	value := make([]byte, 500)
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := s.Commit(b.Context(), nil, []Op{Put(fmt.Sprint("/endpoints/", i%10_000), value)}); err != nil {
				b.Error(err)
			}
		}
	})
}
