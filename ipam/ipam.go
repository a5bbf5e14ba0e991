// Package ipam finds free addresses and numbers, and says why one cannot be used.
//
// What is free follows from what exists: its types are filled at the start from the endpoints and networks that the
// store holds, and follow their changes. Nothing is stored here, so nothing can leak.
//
// The controller imports it. Which addresses a subnet has for hosts is the word of package model; of networks, endpoints
// and hosts it knows nothing.
package ipam

import (
	"errors"
	"fmt"
)

// ErrInUse: somebody has this address or number.
var ErrInUse = errors.New("in use")

// ExhaustedError: nothing is free.
type ExhaustedError struct {
	Range string // "10.0.1.0/24", "1-16777215"
	Used  uint64 // how many are in use
	Size  uint64 // how many can be used
}

func (e *ExhaustedError) Error() string {
	return fmt.Sprintf("nothing is free in %s: %d of %d are in use", e.Range, e.Used, e.Size)
}
