package model

import (
	"errors"
	"fmt"
)

// Kind says what sort of failure an [Error] is; the API turns it into a
// status code.
type Kind int

// The kinds of failure.
const (
	Invalid            Kind = iota + 1 // the request can never succeed as it is
	NotFound                           // no such object
	Conflict                           // it contradicts what exists
	Exhausted                          // nothing is left to give out
	PreconditionFailed                 // the object changed since it was read
	Gone                               // a revision too old to watch from
	Unavailable                        // the controller cannot do it now (disk full, say)
	OutOfDisk                          // nor as long as its disk is full
	Timeout                            // it stands, but was not confirmed in time
)

// Error is a failure a person can act on: it names the field of the request,
// where there is one, and says the way out.
type Error struct {
	Kind   Kind
	Field  string // JSON path such as "subnets[1]" or "endpoints[3].mac"
	Detail string
	Err    error // cause, where there is one
}

func (e *Error) Error() string {
	if e.Field == "" {
		return e.Detail
	}
	return e.Field + ": " + e.Detail
}

func (e *Error) Unwrap() error { return e.Err }

// Within returns the error with its field placed inside parent, as in
// "endpoints[3].mac".
func (e *Error) Within(parent string) *Error {
	in := *e
	switch {
	case in.Field == "":
		in.Field = parent
	case parent != "":
		in.Field = parent + "." + in.Field
	}
	return &in
}

// Errorf makes an error of a kind.
func Errorf(kind Kind, field, format string, args ...any) *Error {
	return &Error{Kind: kind, Field: field, Detail: fmt.Sprintf(format, args...)}
}

// Invalidf makes an error for a request that is wrong in one field.
func Invalidf(field, format string, args ...any) *Error {
	return Errorf(Invalid, field, format, args...)
}

// KindOf returns the kind of err, or 0 when it is not one of ours.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}
