package model

import (
	"fmt"
	"slices"
)

const maxRouterNetworks = 256

// Router lets networks reach each other: what is sent to the gateway of one is
// forwarded to another of them. Networks on no common router stay apart.
type Router struct {
	Name     string   `json:"name"`
	Networks []string `json:"networks,omitempty"`

	// Read-only.
	Conditions []Condition `json:"conditions,omitempty"`
	Revision   uint64      `json:"revision,omitempty"`
}

// Check says what is wrong with a router, whatever networks there are.
func (r *Router) Check() *Error {
	if err := CheckName("name", r.Name); err != nil {
		return err
	}
	if len(r.Networks) > maxRouterNetworks {
		return Invalidf("networks", "%d networks: a router has %d at the most", len(r.Networks), maxRouterNetworks)
	}
	for i, name := range r.Networks {
		field := fmt.Sprintf("networks[%d]", i)
		if err := CheckName(field, name); err != nil {
			return err
		}
		if slices.Contains(r.Networks[:i], name) {
			return Invalidf(field, "network %q stands here twice", name)
		}
	}
	return nil
}
