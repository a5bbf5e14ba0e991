package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// inPrivateMounts reports whether this process has a mount namespace of its own. If not, it runs the test again in a
// process that has one: what is mounted there is seen by nobody else, and is gone with the process, however it ends.
func inPrivateMounts(t *testing.T) bool {
	t.Helper()
	const child = "WEFT_STORE_TEST_PRIVATE_MOUNTS"
	if os.Getenv(child) != "" {
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: a full and a read-only disk; mounting one needs root")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), child+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), "--- SKIP") {
		t.Skipf("%s", out)
	}
	return false
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// mountTmpfs is a file system that takes its space with each write.
func mountTmpfs(t *testing.T) string {
	dir := t.TempDir()
	run(t, "mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "weft-store-test", dir)
	t.Cleanup(func() { run(t, "umount", dir) })
	return dir
}

// mountExt4 is a file system that promises space at a write and takes it later.
func mountExt4(t *testing.T) string {
	dir := t.TempDir()
	image := filepath.Join(t.TempDir(), "image")
	for _, tool := range []string{"mkfs.ext4", "losetup"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("NOT TESTED: a full and a failing ext4: %v", err)
		}
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		t.Skipf("NOT TESTED: a full and a failing ext4: %v", err)
	}
	run(t, "truncate", "-s", "16M", image)
	run(t, "mkfs.ext4", "-q", "-m", "0", image)
	run(t, "mount", "-o", "loop,errors=remount-ro", image, dir)
	t.Cleanup(func() { run(t, "umount", dir) })
	return dir
}

// fillWith writes to a file until there is no space.
func fillWith(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

func TestFullDisk(t *testing.T) {
	if !inPrivateMounts(t) {
		return
	}
	for name, mount := range map[string]func(*testing.T) string{"tmpfs": mountTmpfs, "ext4": mountExt4} {
		t.Run(name, func(t *testing.T) {
			disk := mount(t)
			dir, filler := filepath.Join(disk, "data"), filepath.Join(disk, "filler")
			s := open(t, dir, Options{HistoryChanges: 20})
			want := map[string]string{}
			try := func(i, size int) error {
				t.Helper()
				key, value := fmt.Sprintf("key%03d", i), strings.Repeat(fmt.Sprintf("%03d ", i), size/4)
				_, err := s.Commit(t.Context(), nil, []Op{Put(key, []byte(value)), Put("last", []byte(key))})
				if err == nil {
					want[key], want["last"] = value, key
				}
				return err
			}
			check := func(when string) {
				t.Helper()
				found, _, err := s.List("")
				if err != nil || len(found) != len(want) {
					t.Fatalf("%s: %d keys (%v), want %d", when, len(found), err, len(want))
				}
				for _, kv := range found {
					if want[kv.Key] != string(kv.Value) {
						t.Fatalf("%s: key %s is not what was committed", when, kv.Key)
					}
				}
			}
			i := 0
			for ; i < 10; i++ {
				if err := try(i, 20_000); err != nil {
					t.Fatal(err)
				}
			}
			fillWith(t, filler)
			var full error
			for ; full == nil; i++ {
				full = try(i, 200_000)
			}
			if !errors.Is(full, ErrFull) || !errors.Is(full, syscall.ENOSPC) {
				t.Fatalf("on a full disk: %v, want ErrFull and its reason", full)
			}
			check("full")
			for range 5 {
				if err := try(i, 200_000); !errors.Is(err, ErrFull) {
					t.Fatalf("again on a full disk: %v, want ErrFull", err)
				}
			}
			check("tried again")
			answered := s.head.revision
			s.Close()

			// A controller that starts on a full disk still knows everything.
			s = open(t, dir, Options{HistoryChanges: 20})
			check("opened on the full disk")
			if s.head.revision != answered || s.Epoch() != 2 {
				t.Errorf("revision %d, epoch %d; want %d, 2", s.head.revision, s.Epoch(), answered)
			}

			if err := try(i, 200_000); !errors.Is(err, ErrFull) {
				t.Fatalf("after opening on a full disk: %v, want ErrFull", err)
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			for range 4 {
				if err := try(i, 200_000); err != nil {
					t.Fatalf("with space again: %v", err)
				}
				i++
			}
			check("with space again")
			s.Close()
			s = open(t, dir, Options{HistoryChanges: 20})
			check("opened with space again")
			s.Close()
		})
	}
}

func TestDirectoryOnAFullDiskIsNotHalfMade(t *testing.T) {
	if !inPrivateMounts(t) {
		return
	}
	disk := mountTmpfs(t)
	dir, filler := filepath.Join(disk, "data"), filepath.Join(disk, "filler")
	fillWith(t, filler)
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, Options{})
	commit1(t, s, Put("a", []byte("1")))
	s.Close()
}

func TestReadOnlyFileSystem(t *testing.T) {
	if !inPrivateMounts(t) {
		return
	}
	disk := mountTmpfs(t)
	dir := filepath.Join(disk, "data")
	s := open(t, dir, Options{})
	commit1(t, s, Put("a", []byte("1")))
	s.Close()
	run(t, "mount", "-o", "remount,ro", disk)
	for _, d := range []string{dir, filepath.Join(disk, "new")} {
		if _, err := Open(d, Options{}); !errors.Is(err, ErrReadOnly) || !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s: %v, want ErrReadOnly and its reason", d, err)
		}
	}
	run(t, "mount", "-o", "remount,rw", disk)
	s = open(t, dir, Options{})
	if got, want := contentsOf(t, s), "a=1@1 at 1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.Close()
}

// TestFileSystemThatTurnsReadOnly is what ext4 does by default when it finds itself damaged, with a file open for
// writing; remount,ro is refused then.
func TestFileSystemThatTurnsReadOnly(t *testing.T) {
	if !inPrivateMounts(t) {
		return
	}
	disk := mountExt4(t)
	s := open(t, filepath.Join(disk, "data"), Options{})
	commit1(t, s, Put("a", []byte("1")))
	source, err := exec.Command("findmnt", "-n", "-o", "SOURCE", disk).Output()
	if err != nil {
		t.Fatal(err)
	}
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(strings.TrimSpace(string(source))), "trigger_fs_error")
	if err := os.WriteFile(trigger, []byte("store test"), 0o200); err != nil {
		t.Skipf("NOT TESTED: a file system that turns read-only: %v", err)
	}
	for range 3 {
		if _, err := s.Commit(context.Background(), nil, []Op{Put("a", []byte("2"))}); !errors.Is(err, ErrReadOnly) {
			t.Errorf("got %v, want ErrReadOnly", err)
		}
		if got, want := contentsOf(t, s), "a=1@1 at 1"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	s.Close()
}
