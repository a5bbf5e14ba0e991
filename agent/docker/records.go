package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/weft-sdn/weft/agent/statefile"
	"github.com/weft-sdn/weft/model"
)

// records is all that Docker has told and what became of it. Ids of networks and
// endpoints are Docker's own.
type records struct {
	Networks     map[string]*networkRecord  `json:"networks"`
	Pools        map[string]*poolRecord     `json:"pools"` // by id; those of networks that the follower made need none
	Endpoints    map[string]*endpointRecord `json:"endpoints"`
	Reservations map[string]*reservation    `json:"reservations"`     // by id of the endpoint that reserves
	Doubts       map[string]time.Time       `json:"doubts,omitempty"` // reservations that the controller may still make, since when
	Born         map[string]bool            `json:"born"`             // networks that exist since a docker network create here
	Later        []errand                   `json:"later"`            // in the order in which they are to be done
}

// networkRecord is one of Docker's networks.
type networkRecord struct {
	Name    string         `json:"name,omitempty"`   // empty until it is known, see follow.go
	Wanted  *model.Network `json:"wanted,omitempty"` // what docker network create asked for, until the controller has it
	Foreign bool           `json:"foreign,omitempty"`
	Refused string         `json:"refused,omitempty"` // why the controller did not take it
}

// poolRecord is a pool whose network Docker created by itself.
type poolRecord struct {
	Subnet  netip.Prefix `json:"subnet"`
	Network string       `json:"network,omitempty"` // id; empty until Docker creates it
	Asked   time.Time    `json:"asked"`
}

// endpointRecord is one of Docker's endpoints.
type endpointRecord struct {
	Network  string         `json:"network"`            // Docker's id of it
	Wanted   model.Endpoint `json:"wanted"`             // as the controller has it
	Forwards []string       `json:"forwards,omitempty"` // ids of those to it
	Named    bool           `json:"named,omitempty"`    // after its container, if that can be
	Since    time.Time      `json:"since"`
	// Undeclared: it was made while no controller answered, see slices.go.
	Undeclared bool `json:"undeclared,omitempty"`
}

// reservation is an address that the controller keeps for an endpoint of which
// Docker has not told yet.
type reservation struct {
	Network string     `json:"network"`
	Address netip.Addr `json:"address,omitzero"` // not known before the controller has answered
	Since   time.Time  `json:"since"`
}

// ledger keeps the records on disk. A change is on disk when change returns.
type ledger struct {
	file string

	mu      sync.Mutex
	now     records
	changed chan struct{} // closed, and made anew, with every change
}

func openLedger(file string) (*ledger, error) {
	l := &ledger{file: file, changed: make(chan struct{})}
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read what Docker has told: %w", err)
	default:
		if err := json.Unmarshal(text, &l.now); err != nil {
			return nil, fmt.Errorf("read what Docker has told from %s: %w; without it running containers are unknown: if it cannot be repaired, remove it and restart Docker", file, err)
		}
	}
	n := &l.now
	if n.Networks == nil {
		n.Networks = make(map[string]*networkRecord)
	}
	if n.Pools == nil {
		n.Pools = make(map[string]*poolRecord)
	}
	if n.Endpoints == nil {
		n.Endpoints = make(map[string]*endpointRecord)
	}
	if n.Doubts == nil {
		n.Doubts = make(map[string]time.Time)
	}
	if n.Reservations == nil {
		n.Reservations = make(map[string]*reservation)
	}
	if n.Born == nil {
		n.Born = make(map[string]bool)
	}
	return l, nil
}

// read looks at the records; what look keeps of them it must not change.
func (l *ledger) read(look func(*records)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	look(&l.now)
}

// change changes the records, unless alter returns an error.
func (l *ledger) change(alter func(*records) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := alter(&l.now); err != nil {
		return err
	}
	close(l.changed)
	l.changed = make(chan struct{})
	if err := statefile.Save(l.file, &l.now); err != nil {
		return fmt.Errorf("keep what Docker has told: %w", err)
	}
	return nil
}

// next is closed by the next change.
func (l *ledger) next() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}
