// Package agent does on a host what only the host itself can do: as yet, the
// kernel's side of a gateway.
//
// Its only source is the OVSDB of its own host, where the controller writes the
// wanted state beside the interface weft-gw (docs/gateways.md), and where the
// agent reports. So it needs no connection to the controller, goes on while
// that is away, and dying stops nothing: all that it makes is the kernel's.
//
// Work is level-triggered: whatever changes, in the database or in the kernel,
// the agent compares all that is wanted with all that there is. Package hostside
// does that, package localdb keeps the connection; this one is the loop.
//
// The command weft imports it.
package agent
