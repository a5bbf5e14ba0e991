// Package flows turns what is wanted into fragments of flows and groups. It is
// pure: no sockets, no clock, no storage. It names the tables, the registers
// and the cookies of br-weft, and it alone knows what a flow is for.
//
// A fragment is the flows of one owner in one role. [Fabric] holds the state
// that programs depend on and says, after each change, which fragments of
// which hosts changed; a fragment that many hosts have is one value that they
// share.
//
// The controller and the client commands import it; it imports model,
// openflow and openflow/program.
package flows
