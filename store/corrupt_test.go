package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/weft-sdn/weft/internal/mutate"
)

// someStore is a closed store with a few pages of keys, and the text of its contents.
func someStore(t *testing.T) (dir, contents string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	s := open(t, dir, Options{})
	for i := range 12 {
		commit1(t, s, Put(fmt.Sprintf("key%02d", i), bytes.Repeat([]byte{byte('a' + i)}, 700)))
	}
	commit1(t, s, Delete("key03"))
	contents = contentsOf(t, s)
	s.Close()
	return dir, contents
}

func TestDamagedFilesAreRefused(t *testing.T) {
	for name, damage := range map[string]func(file []byte) []byte{
		"empty":              func([]byte) []byte { return nil },
		"one byte":           func(f []byte) []byte { return f[:1] },
		"only meta pages":    func(f []byte) []byte { return f[:2*4096] },
		"half":               func(f []byte) []byte { return f[:len(f)/2/4096*4096] },
		"no bbolt file":      func(f []byte) []byte { return bytes.Repeat([]byte("weft "), len(f)/5) },
		"zero":               func(f []byte) []byte { return make([]byte, len(f)) },
		"meta pages of zero": func(f []byte) []byte { clear(f[:2*4096]); return f },
		"data pages of zero": func(f []byte) []byte { clear(f[2*4096:]); return f },
		"a bit in a value": func(f []byte) []byte {
			return bytes.ReplaceAll(f, []byte("kkkkkkkkkk"), []byte("kkkkkjkkkk")) // everywhere, for some pages are not in use
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := someStore(t)
			path := filepath.Join(dir, fileName)
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			// Everything after the last page in use is a hole, which is no good for half.
			file = bytes.TrimRight(file, "\x00")
			damaged := damage(bytes.Clone(file))
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_, err = Open(dir, Options{})
				if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "backup") {
					t.Fatalf("got %v, want ErrCorrupt, where, and what to do", err)
				}
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, damaged) {
				t.Error("a refused file was written to")
			}
			// And nothing is left locked.
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
			open(t, dir, Options{})
		})
	}
}

// TestAnyDamagedByteIsFoundOrDoesNotMatter: neither a crash nor other contents, wherever the byte. The newest of
// bbolt's two meta pages is left alone, for without it the file is what it was one commit earlier, as after a crash.
func TestAnyDamagedByteIsFoundOrDoesNotMatter(t *testing.T) {
	dir, want := someStore(t)
	path := filepath.Join(dir, fileName)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file = bytes.TrimRight(file, "\x00")
	refused := 0
	for range 1500 {
		at := 2*4096 + rand.IntN(len(file)-2*4096)
		damaged := bytes.Clone(file)
		damaged[at] ^= 1 << rand.IntN(8)
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir, Options{})
		if err != nil {
			if refused++; !errors.Is(err, ErrCorrupt) {
				t.Errorf("byte %d: %v, want ErrCorrupt", at, err)
			}
			continue
		}
		if got := contentsOf(t, s); got != want {
			t.Errorf("byte %d: got %s, want %s", at, got, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if refused == 0 {
		t.Error("no damage was found at all")
	}
}

func TestFilesOfOthersAreRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(filepath.Join(dir, fileName), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "lacks what weft puts into") {
		t.Errorf("a bbolt file without buckets: %v", err)
	}
}

func TestFileOfANewerFormatIsRefused(t *testing.T) {
	dir, _ := someStore(t)
	db, err := bbolt.Open(filepath.Join(dir, fileName), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bbolt.Tx) error { return putMeta(tx, metaFormat, "2") }); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "run the newer weft") {
		t.Errorf("got %v, want what to do", err)
	}
}

func TestCreationThatWasInterruptedIsStartedAnew(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, fileName+".new"), []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir, Options{})
	if _, err := os.Stat(filepath.Join(dir, fileName+".new")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the unborn file is still there: %v", err)
	}
}

func checkChange(t testing.TB, events []byte) {
	key := revisionKey(7)
	// A right checksum, or the mutants would get no further than that.
	change, err := decodeChange(key, seal(key, append(make([]byte, recordHeader), events...)))
	if err != nil {
		return
	}
	_, again := encodeChange(change)
	same, err := decodeChange(key, again)
	if err != nil || fmt.Sprint(same) != fmt.Sprint(change) {
		t.Errorf("%v became %v (%v)", change, same, err)
	}
}

func changes() mutate.Corpus {
	_, record := encodeChange(Change{Revision: 7, Events: []Event{{Key: "a", Value: []byte("1")}, {Key: "b", Previous: []byte("2")}}})
	return mutate.Corpus{record[recordHeader:], {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}}
}

func FuzzDecodeChange(f *testing.F) {
	changes().Seed(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkChange(t, b) })
}

func TestMutants(t *testing.T) { changes().Saved(t, "FuzzDecodeChange").Check(t, checkChange) }

func TestMemoryIsInProportionToTheRecord(t *testing.T) {
	key := revisionKey(7)
	corpus := append(changes(), make([]byte, 30_000), bytes.Repeat([]byte{0xff}, 1000))
	corpus.Bounded(t, 128, 16<<10, func(events []byte) {
		_, _ = decodeChange(key, seal(key, append(make([]byte, recordHeader), events...)))
	})
}
