package store

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

const (
	fileName = "weft.db"
	lockName = "lock"

	// lockTimeout lets a controller that is just going down finish; a person who starts a second one by mistake
	// should not wait long to be told.
	lockTimeout = time.Second

	// mapSize is address space, not memory or disk. bbolt maps its file anew when it outgrows the map: that waits for
	// all readers, and when it fails the database is gone until it is opened again. 1 GiB is far beyond 100,000
	// endpoints.
	mapSize = 1 << 30
)

// Open opens the store in dir, and makes both if there is none.
func Open(dir string, options Options) (*Store, error) {
	if options.HistoryChanges == 0 {
		options.HistoryChanges = defaultHistoryChanges
	}
	if options.HistoryBytes == 0 {
		options.HistoryBytes = defaultHistoryBytes
	}
	s := &Store{
		options:        options,
		writer:         make(chan struct{}, 1),
		changed:        make(chan struct{}),
		endTransaction: (*bbolt.Tx).Commit,
	}
	if err := s.open(dir); err != nil {
		if s.db != nil {
			s.db.Close()
		}
		if s.lock != nil {
			s.lock.Close()
		}
		return nil, fmt.Errorf("open data directory %s: %w", dir, err)
	}
	return s, nil
}

func (s *Store) open(dir string) error {
	if err := makeDirectory(dir); err != nil {
		return err
	}
	var err error
	if s.lock, err = lock(filepath.Join(dir, lockName)); err != nil {
		return err
	}
	s.path = filepath.Join(dir, fileName)
	if _, err := os.Lstat(s.path); errors.Is(err, os.ErrNotExist) {
		if err := create(s.path); err != nil {
			return diskError(err)
		}
	}
	contents, err := inspect(s.path)
	if err != nil {
		return fmt.Errorf("%s: %w", fileName, err)
	}
	if s.db, err = openFile(s.path, bbolt.Options{InitialMmapSize: mapSize}); err != nil {
		return fmt.Errorf("%s: %w", fileName, err)
	}
	s.clusterID, s.epoch, s.head = contents.clusterID, contents.epoch+1, contents.head
	return s.begin()
}

// begin makes the new epoch durable, and brings history within its limits, which may have become narrower.
func (s *Store) begin() error {
	next := s.head
	err := s.db.Update(func(tx *bbolt.Tx) error {
		if err := s.trim(tx, &next); err != nil {
			return err
		}
		return putMeta(tx, metaEpoch, strconv.FormatUint(s.epoch, 10))
	})
	if err != nil {
		return diskError(err)
	}
	s.head = next
	return nil
}

// makeDirectory makes sure that nobody else can read, or replace, what is in dir.
func makeDirectory(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return diskError(err)
		}
		return syncDirectory(filepath.Dir(filepath.Clean(dir)))
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return errors.New("it is not a directory")
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("its mode is %#o, so that other users can enter it; run: chmod 700 %s", mode, dir)
	}
	return nil
}

// lock makes this process the only one on the directory. The kernel lets go of it when the process ends, however it
// ends. bbolt locks its file too, but the file is not there yet when two controllers start in an empty directory.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, diskError(err)
	}
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if err != syscall.EWOULDBLOCK || time.Since(start) > lockTimeout {
			f.Close()
			if err == syscall.EWOULDBLOCK {
				return nil, ErrLocked
			}
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
	}
}

// create makes the file under another name first: a file of the final name is whole, so that one found empty or cut
// short is known to be damaged, and is not taken for a new one.
func create(path string) error {
	unborn := path + ".new"
	if err := os.Remove(unborn); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	db, err := bbolt.Open(unborn, 0o600, &bbolt.Options{NoFreelistSync: true})
	if err != nil {
		return err
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketMeta, bucketKeys, bucketHistory} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		id := make([]byte, 8)
		rand.Read(id)
		for name, value := range map[string]string{
			metaFormat:  format,
			metaCluster: hex.EncodeToString(id),
			metaEpoch:   "0",
			metaKeys:    "0",
		} {
			if err := putMeta(tx, name, value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := os.Rename(unborn, path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

// openFile opens the file with bbolt, and lets go of it even if bbolt panics over what it finds there.
func openFile(path string, options bbolt.Options) (db *bbolt.DB, err error) {
	var file *os.File
	options.OpenFile = func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
		file, err = os.OpenFile(name, flag, mode)
		return file, err
	}
	options.Timeout = lockTimeout
	// The list of free pages is found by a walk at Open, which inspects the file anyway, instead of being written
	// with each commit; as a map, taking a page from it does not depend on how many there are.
	options.NoFreelistSync = true
	options.FreelistType = bbolt.FreelistMapType
	// NoSync and NoGrowSync stay off: a commit is answered only when it is on the disk.
	err = guard(func() (err error) {
		db, err = bbolt.Open(path, 0o600, &options)
		return err
	})
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, ErrCorrupt):
		if file != nil {
			file.Close()
		}
		return nil, err
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, ErrLocked
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum):
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil, diskError(err)
}

// syncDirectory makes the names in dir durable: fsync(2) of a file does not include its name.
func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
