// Package plug puts containers onto br-weft: a veth pair, one end of which is a
// port of the bridge, the other one for whoever moves it into the container.
//
// The packages of the agent that serve containers import it. It knows devices
// and the local Open vSwitch, and never hears of networks, of Docker, or of the
// controller, which learns of a port from the host's OVSDB.
package plug
