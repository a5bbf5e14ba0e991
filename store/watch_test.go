package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

func put(t *testing.T, s *Store, n int) {
	t.Helper()
	for i := range n {
		commit1(t, s, Put("k", fmt.Appendf(nil, "%d", i)))
	}
}

func TestHistoryIsBoundedAlsoAcrossRestarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir, Options{HistoryChanges: 10})
	put(t, s, 25)
	check := func(s *Store, oldest uint64, last uint64) {
		t.Helper()
		changes := after(t, s, oldest-1, int(last-oldest+1))
		if got := changes[0].Revision; got != oldest {
			t.Errorf("the oldest change is %d, want %d", got, oldest)
		}
		if err := watchError(t, s, oldest-2); !errors.Is(err, ErrCompacted) {
			t.Errorf("watch from %d: %v, want ErrCompacted", oldest-2, err)
		}
		if err := watchError(t, s, last+1); !errors.Is(err, ErrCompacted) {
			t.Errorf("watch from the future: %v, want ErrCompacted", err)
		}
	}
	check(s, 16, 25)
	s.Close()
	s = open(t, dir, Options{HistoryChanges: 10})
	check(s, 16, 25)
	put(t, s, 2)
	check(s, 18, 27)
	s.Close()
	check(open(t, dir, Options{HistoryChanges: 3}), 25, 27)
}

func TestHistoryIsBoundedInBytesButKeepsTheNewest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir, Options{HistoryBytes: 10_000})
	for range 10 {
		commit1(t, s, Put("k", make([]byte, 1000))) // about 2,000 with the previous value
	}
	if got := after(t, s, 6, 4)[0].Revision; got != 7 {
		t.Errorf("got change %d, want 7", got)
	}
	if err := watchError(t, s, 5); !errors.Is(err, ErrCompacted) {
		t.Errorf("watch from 5: %v, want ErrCompacted", err)
	}
	kept := s.head.historyBytes
	s.Close()
	s = open(t, dir, Options{HistoryBytes: 10_000})
	if s.head.historyBytes != kept || kept > 10_000 {
		t.Errorf("%d bytes after restart, %d before", s.head.historyBytes, kept)
	}
	commit1(t, s, Put("k", make([]byte, 50_000)))
	if got := after(t, s, 10, 1)[0].Revision; got != 11 {
		t.Errorf("got change %d, want 11", got)
	}
	if err := watchError(t, s, 9); !errors.Is(err, ErrCompacted) {
		t.Errorf("watch from 9: %v, want ErrCompacted", err)
	}
}

func TestWatchersFollowConcurrentCommitsWithoutGaps(t *testing.T) {
	s := fresh(t)
	const writers, each = 8, 40
	ended := make(chan error)
	for range 3 {
		go func() {
			next := uint64(1)
			for c, err := range s.Watch(context.Background(), 0) {
				if err != nil {
					ended <- err
					return
				}
				if c.Revision != next {
					ended <- fmt.Errorf("change %d, want %d", c.Revision, next)
					return
				}
				if next++; next > writers*each {
					break
				}
			}
			ended <- nil
		}()
	}
	for w := range writers {
		go func() {
			for i := range each {
				if _, err := s.Commit(context.Background(), nil, []Op{Put(fmt.Sprint(w), fmt.Append(nil, i))}); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	for range 3 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestSlowWatcherNeverBlocksCommitAndIsToldWhatItMissed(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"), Options{HistoryChanges: 5})
	put(t, s, 1)
	var seen []uint64
	for c, err := range s.Watch(t.Context(), 0) {
		if err != nil {
			if !errors.Is(err, ErrCompacted) {
				t.Errorf("ended with %v, want ErrCompacted", err)
			}
			break
		}
		seen = append(seen, c.Revision)
		put(t, s, 20) // while the watcher is busy with the first change
	}
	if len(seen) != 1 {
		t.Errorf("saw %v, want the first change only", seen)
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	s := fresh(t)
	put(t, s, 3)
	ctx, cancel := context.WithCancel(t.Context())
	var seen []uint64
	for c, err := range s.Watch(ctx, 0) {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v, want context.Canceled", err)
			}
			break
		}
		seen = append(seen, c.Revision)
		cancel()
	}
	if len(seen) != 1 {
		t.Errorf("saw %v after the context ended, want 1 only", seen)
	}
	// One that waits for the next change ends too.
	ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	for _, err := range s.Watch(ctx, 3) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended with %v, want context.DeadlineExceeded", err)
		}
	}
}

func TestWatchCanBeLeftAtAnyChange(t *testing.T) {
	s := fresh(t)
	put(t, s, 3)
	for c, err := range s.Watch(t.Context(), 0) {
		if err != nil || c.Revision != 1 {
			t.Fatalf("got change %d, %v", c.Revision, err)
		}
		break
	}
}

func TestWatchReadsALongHistoryInPortions(t *testing.T) {
	s := fresh(t)
	put(t, s, portionChanges+50)
	commit1(t, s, Put("big", make([]byte, 2*portionBytes)))
	put(t, s, 1)
	changes := after(t, s, 0, portionChanges+52)
	for i, c := range changes {
		if c.Revision != uint64(i)+1 {
			t.Fatalf("change %d at place %d", c.Revision, i)
		}
	}
}
