// Package chaos breaks a whole installation on purpose: the real binary and
// real Open vSwitch in a lab, a seeded sequence of faults, and random changes
// through REST in between. Whenever all is healed, what was answered has to be
// there, and packets have to reach exactly whom they are meant for. It has no
// code of its own, and nobody imports it.
//
//	go test ./chaos                  a short run, as in make test
//	make chaos SEED=7 FAULTS=200     a long one
//
// A round is: some faults with changes in between, healing, waiting until the
// controller says that all is as wanted, looking. What a step does follows from
// the seed and the number of the step, so a seed that failed does the same
// again; only what a fault hits at that moment is up to the machine.
//
// The test knows the product as its users do. What it believes to be wanted is
// what REST answered: a write that was answered is there for good, one that
// was refused has left nothing, and of one that got no answer there is all or
// nothing.
package chaos
