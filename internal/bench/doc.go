// Command bench measures what the controller costs, and prints each figure
// beside its target. docs/performance.md has the figures and says under what
// conditions they came about.
//
//	go run ./internal/bench            everything, at full size
//	go run ./internal/bench -small     the same, in seconds, to see that it works
//	go run ./internal/bench flows      one part: flows, fabric, scale, endurance or gateway
//
// It runs the controller in a process of its own, whose processor time and
// memory are the controller's alone, and simulated hosts in another. Real Open
// vSwitches have a dummy datapath, as in Open vSwitch's own sandbox, so that
// neither root nor a network is needed, but for the part gateway: that sends
// packets through a lab (package lab).
package main
