// Package e2e holds the acceptance tests of the whole product: the real
// binary, real Open vSwitch in a lab, real packets. It has no code of its own.
//
// The tests know the product as its users do: package lab builds the machines,
// REST and the weft command say what is wanted, and ovs-ofctl, ovs-vsctl, ping
// and their like show what has become of it. What a test measures (times of
// repair, packets lost) is in its log: go test -v.
//
// They need root and Open vSwitch's programs, and are skipped without. Nobody
// imports this package.
package e2e
