package ovsdb

import (
	"errors"
	"fmt"
)

var (
	// ErrLockHeld: there is something to write, but another connection to this
	// ovsdb-server holds the lock. View.Locked tells when it has become ours.
	ErrLockHeld = errors.New(`another connection holds the OVSDB lock "` + LockName +
		`" on this host: a second controller is connected to it`)

	// ErrChanged: the bridge was changed by others each time between our look
	// at it and our write. The Views that tell of it are on their way.
	ErrChanged = errors.New("the bridge keeps being changed by others; nothing was written")

	// ErrNoRoot: the database has no row in Open_vSwitch.
	ErrNoRoot = errors.New(`table Open_vSwitch has no row; run "ovs-vsctl init" on the host`)

	// ErrTooLarge and ErrTooManyRows: the peer exceeded Config's caps.
	ErrTooLarge    = errors.New("more data than a host may send")
	ErrTooManyRows = errors.New("more rows than a host may have")

	// ErrSilent: the peer completed no message in time.
	ErrSilent = errors.New("no complete message in time")

	// ErrNotOVSDB: what came is not JSON-RPC as RFC 7047 section 4 has it.
	ErrNotOVSDB = errors.New("the peer does not speak OVSDB")

	// ErrClosed: the connection was closed from this side.
	ErrClosed = errors.New("OVSDB connection closed")
)

// ForeignMarkError says that the bridge belongs to another cluster. Nothing was
// written; Wanted.Adopt overrides.
type ForeignMarkError struct {
	Bridge string
	Mark   string
}

func (e *ForeignMarkError) Error() string {
	return fmt.Sprintf("bridge %q bears the mark of cluster %q: left as it is until it is adopted", e.Bridge, e.Mark)
}

// ForeignControllerError says that the unmarked bridge already has an OpenFlow
// controller. Nothing was written; Wanted.Adopt overrides.
type ForeignControllerError struct {
	Bridge string
	Target string
}

func (e *ForeignControllerError) Error() string {
	return fmt.Sprintf("bridge %q is not ours and has the controller %q: left as it is until it is adopted", e.Bridge, e.Target)
}

// NameTakenError says that a port of the bridge which is not ours has the name
// that a tunnel port should have.
type NameTakenError struct {
	Port string
	Type string
}

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("port %q is wanted for a tunnel but is somebody's port of type %q: remove or rename it", e.Port, e.Type)
}

// OperationError is one operation that the server refused, and with it the
// whole transaction (RFC 7047 section 4.1.3).
type OperationError struct {
	Doing   string // what the operation was for, with table and row
	Cause   string // the <error> of RFC 7047, as "constraint violation"
	Details string
}

func (e *OperationError) Error() string {
	if e.Details == "" {
		return fmt.Sprintf("%s: %s", e.Doing, e.Cause)
	}
	return fmt.Sprintf("%s: %s: %s", e.Doing, e.Cause, e.Details)
}
