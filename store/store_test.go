package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.etcd.io/bbolt"
)

func open(t *testing.T, dir string, options Options) *Store {
	t.Helper()
	s, err := Open(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func fresh(t *testing.T) *Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "data"), Options{})
}

func commit1(t *testing.T, s *Store, ops ...Op) uint64 {
	t.Helper()
	revision, err := s.Commit(t.Context(), nil, ops)
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

// contentsOf is what List("") shows, as text.
func contentsOf(t *testing.T, s *Store) string {
	t.Helper()
	found, revision, err := s.List("")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, kv := range found {
		fmt.Fprintf(&b, "%s=%s@%d ", kv.Key, kv.Value, kv.Revision)
	}
	fmt.Fprintf(&b, "at %d", revision)
	return b.String()
}

// after is the n changes that a watcher from a revision sees.
func after(t *testing.T, s *Store, from uint64, n int) []Change {
	t.Helper()
	var changes []Change
	for c, err := range s.Watch(t.Context(), from) {
		if err != nil {
			t.Fatal(err)
		}
		if changes = append(changes, c); len(changes) == n {
			break
		}
	}
	return changes
}

// watchError is how a watch ends that can end only at once.
func watchError(t *testing.T, s *Store, from uint64) error {
	t.Helper()
	for c, err := range s.Watch(t.Context(), from) {
		if err != nil {
			return err
		}
		t.Fatalf("watch from %d: got change %d, want an error", from, c.Revision)
	}
	t.Fatalf("watch from %d ended without an error", from)
	return nil
}

func TestCommitsShowInListWithTheirRevisions(t *testing.T) {
	s := fresh(t)
	if got, want := contentsOf(t, s), "at 0"; got != want {
		t.Errorf("new store: %s, want %s", got, want)
	}
	commit1(t, s, Put("/networks/red", []byte("r1")), Put("/networks/blue", []byte("b1")))
	commit1(t, s, Put("/networks/red", []byte("r2")), Put("/hosts/h1", []byte("h")))
	commit1(t, s, Delete("/networks/blue"))
	if got, want := contentsOf(t, s), "/hosts/h1=h@2 /networks/red=r2@2 at 3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	found, revision, err := s.List("/networks/")
	if err != nil {
		t.Fatal(err)
	}
	want := []KV{{Key: "/networks/red", Value: []byte("r2"), Revision: 2}}
	if diff := cmp.Diff(want, found); diff != "" || revision != 3 {
		t.Errorf("list of networks at %d, want 3: %s", revision, diff)
	}
}

func TestCompares(t *testing.T) {
	for _, test := range []struct {
		name     string
		compares []Compare
		conflict *ConflictError
		text     string
	}{
		{name: "none"},
		{name: "revision as read", compares: []Compare{{"a", 1}}},
		{name: "missing as wanted", compares: []Compare{{"c", 0}}},
		{name: "exists", compares: []Compare{{"a", 0}}, conflict: &ConflictError{"a", 1, 0}, text: `key "a" exists already, since revision 1`},
		{name: "changed", compares: []Compare{{"b", 1}}, conflict: &ConflictError{"b", 2, 1}, text: `key "b" was changed at revision 2, wanted it at revision 1`},
		{name: "gone", compares: []Compare{{"c", 7}}, conflict: &ConflictError{"c", 0, 7}, text: `key "c" does not exist any more, wanted it at revision 7`},
		{name: "one of two", compares: []Compare{{"a", 1}, {"b", 9}}, conflict: &ConflictError{"b", 2, 9}, text: `key "b" was changed at revision 2, wanted it at revision 9`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := fresh(t)
			commit1(t, s, Put("a", []byte("1")), Put("b", []byte("1")))
			commit1(t, s, Put("b", []byte("2")))
			before := contentsOf(t, s)
			_, err := s.Commit(t.Context(), test.compares, []Op{Put("a", []byte("x")), Delete("b"), Put("d", []byte("x"))})
			if test.conflict == nil {
				if err != nil {
					t.Fatal(err)
				}
				if got, want := contentsOf(t, s), "a=x@3 d=x@3 at 3"; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				return
			}
			var conflict *ConflictError
			if !errors.As(err, &conflict) || *conflict != *test.conflict || err.Error() != test.text {
				t.Errorf("got %v, want %s", err, test.text)
			}
			if got := contentsOf(t, s); got != before {
				t.Errorf("after a conflict: %s, want %s", got, before)
			}
		})
	}
}

func TestCommitThatChangesNothingWritesNothing(t *testing.T) {
	s := fresh(t)
	commit1(t, s, Put("a", []byte("1")))
	writes := 0
	s.endTransaction = func(tx *bbolt.Tx) error { writes++; return tx.Commit() }
	if revision := commit1(t, s); revision != 1 {
		t.Errorf("no operations: revision %d, want 1", revision)
	}
	if revision := commit1(t, s, Delete("missing")); revision != 1 {
		t.Errorf("delete of a missing key: revision %d, want 1", revision)
	}
	var conflict *ConflictError
	if _, err := s.Commit(t.Context(), []Compare{{"a", 5}}, nil); !errors.As(err, &conflict) {
		t.Errorf("compare without operations: %v, want a conflict", err)
	}
	if writes != 0 {
		t.Errorf("%d transactions were written, want none", writes)
	}
}

func TestBadOperationsAreRefused(t *testing.T) {
	for name, ops := range map[string][]Op{
		"empty key":         {Put("", []byte("x"))},
		"long key":          {Put(strings.Repeat("k", maxKey+1), []byte("x"))},
		"no value":          {Put("a", nil)},
		"one key twice":     {Put("a", []byte("x")), Delete("a")},
		"delete to a value": {{Key: "a", Value: []byte("x"), Delete: true}},
	} {
		s := fresh(t)
		if _, err := s.Commit(t.Context(), nil, append([]Op{Put("good", []byte("x"))}, ops...)); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if got, want := contentsOf(t, s), "at 0"; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestDirectoryKeepsIdentityAndCountsEpochs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "data")
	var id string
	for epoch := uint64(1); epoch <= 3; epoch++ {
		s, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if epoch == 1 {
			id = s.ClusterID()
		}
		if len(id) != 16 || s.ClusterID() != id || s.Epoch() != epoch {
			t.Errorf("cluster %q, epoch %d; want cluster %q, epoch %d", s.ClusterID(), s.Epoch(), id, epoch)
		}
		if got, want := contentsOf(t, s), fmt.Sprintf("at %d", epoch-1); !strings.HasSuffix(got, want) {
			t.Errorf("epoch %d: %s, want %s", epoch, got, want)
		}
		commit1(t, s, Put("k", fmt.Appendf(nil, "%d", epoch)))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if other := fresh(t); other.ClusterID() == id {
		t.Errorf("two directories have one cluster id %q", id)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %v (%v), want 0700", info.Mode(), err)
	}
}

func TestDirectoryOpenToOthersIsRefusedWithTheCure(t *testing.T) {
	dir := t.TempDir()
	for _, mode := range []os.FileMode{0o755, 0o710, 0o701} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, Options{})
		if err == nil || !strings.Contains(err.Error(), "chmod 700 "+dir) {
			t.Errorf("mode %#o: %v, want the cure", mode, err)
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	open(t, dir, Options{})
}

func TestSecondControllerIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("second Open: %v, want ErrLocked", err)
	}
	// Without the lock file, bbolt's own lock holds.
	if err := os.Remove(filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("second Open without lock file: %v, want ErrLocked", err)
	}
	commit1(t, s, Put("a", []byte("still the first's")))
	s.Close()
	open(t, dir, Options{})
}

func TestOfManyThatOpenAtOnceOneGetsANewDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	var mu sync.Mutex
	var opened []*Store
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			s, err := Open(dir, Options{})
			if err != nil {
				if !errors.Is(err, ErrLocked) {
					t.Error(err)
				}
				return
			}
			mu.Lock()
			opened = append(opened, s)
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(opened) != 1 {
		t.Errorf("%d stores are open on one directory, want 1", len(opened))
	}
	for _, s := range opened {
		s.Close()
	}
}

func TestEverythingAfterCloseSaysClosed(t *testing.T) {
	s := fresh(t)
	commit1(t, s, Put("a", []byte("1")))
	ended := make(chan error)
	watching := make(chan struct{})
	go func() {
		for _, err := range s.Watch(context.Background(), 0) {
			if err != nil {
				ended <- err
				return
			}
			close(watching)
		}
	}()
	<-watching
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("the watcher ended with %v, want ErrClosed", err)
	}
	if _, err := s.Commit(t.Context(), nil, []Op{Put("a", []byte("2"))}); !errors.Is(err, ErrClosed) {
		t.Errorf("Commit: %v, want ErrClosed", err)
	}
	if _, _, err := s.List(""); !errors.Is(err, ErrClosed) {
		t.Errorf("List: %v, want ErrClosed", err)
	}
	if err := watchError(t, s, 0); !errors.Is(err, ErrClosed) {
		t.Errorf("Watch: %v, want ErrClosed", err)
	}
}

var ignoreTime = cmpopts.IgnoreFields(Change{}, "Time")

func TestWatchShowsWhatWasAndWhatIs(t *testing.T) {
	s := fresh(t)
	begin := time.Now()
	commit1(t, s, Put("a", []byte("1")), Put("b", []byte("1")))
	commit1(t, s, Put("b", []byte("2")), Delete("missing"), Delete("a"))
	got := after(t, s, 0, 2)
	want := []Change{
		{Revision: 1, Events: []Event{{Key: "a", Value: []byte("1")}, {Key: "b", Value: []byte("1")}}},
		{Revision: 2, Events: []Event{{Key: "b", Value: []byte("2"), Previous: []byte("1")}, {Key: "a", Previous: []byte("1")}}},
	}
	if diff := cmp.Diff(want, got, ignoreTime); diff != "" {
		t.Error(diff)
	}
	for _, c := range got {
		if c.Time.Before(begin) || c.Time.After(time.Now()) {
			t.Errorf("change %d happened at %v, want after %v", c.Revision, c.Time, begin)
		}
	}
}
