package store

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

var (
	// ErrClosed answers every call after Close.
	ErrClosed = errors.New("the store is closed")
	// ErrLocked: a data directory belongs to one process at a time.
	ErrLocked = errors.New("another weft controller runs on this data directory; stop it, or give this one a data directory of its own")
	// ErrCompacted: the changes asked for are not in history; list everything and watch from there.
	ErrCompacted = errors.New("these changes are not in the history; read the state again and go on from its revision")
	// ErrFull: nothing was written, and what is stored can be read; the same commit may be tried again.
	ErrFull = errors.New("the disk is full: nothing was written; free space on the file system and try again")
	// ErrReadOnly is like ErrFull.
	ErrReadOnly = errors.New("the file system is read-only: nothing was written; look for its reason in the kernel's log and remount it writable")
	// ErrDisk is like ErrFull.
	ErrDisk = errors.New("the disk failed: nothing was written; look at the kernel's log, the disk may need replacement")
	// ErrUnconfirmed: the disk failed at the very last step, so that nobody can tell what a restart will find. The
	// store answers nothing any more: an answer could be wrong.
	ErrUnconfirmed = errors.New("the disk failed to confirm a commit, which may or may not have been written; look at the kernel's log, then start the controller again")
	// ErrCorrupt: the file is damaged.
	ErrCorrupt = errors.New("the file is damaged; restore it from a backup (an empty data directory starts a new cluster, which leaves the hosts of this one as they are)")
)

// ConflictError is a Compare that did not hold. Nothing was written.
type ConflictError struct {
	Key        string
	Have, Want uint64 // revisions; 0: the key does not exist
}

func (e *ConflictError) Error() string {
	switch {
	case e.Want == 0:
		return fmt.Sprintf("key %q exists already, since revision %d", e.Key, e.Have)
	case e.Have == 0:
		return fmt.Sprintf("key %q does not exist any more, wanted it at revision %d", e.Key, e.Want)
	}
	return fmt.Sprintf("key %q was changed at revision %d, wanted it at revision %d", e.Key, e.Have, e.Want)
}

// diskError says what an error of the disk means and what to do; other errors speak for themselves.
func diskError(err error) error {
	switch {
	case is(err, syscall.ENOSPC), is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", ErrFull, err)
	case is(err, syscall.EROFS):
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	case is(err, syscall.EIO):
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	return err
}

// is also knows an errno by its text, because bbolt formats errors of growing the file with %s.
func is(err error, errno syscall.Errno) bool {
	return errors.Is(err, errno) || strings.HasSuffix(err.Error(), errno.Error())
}
