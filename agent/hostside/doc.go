// Package hostside makes the kernel of a gateway host as a [Gateway] says: the
// addresses, neighbours and routes of the interface weft-gw, the settings below
// /proc/sys/net, a table of nftables, and a place in the firewall's forward
// chains.
//
// [Host.Apply] takes the complete wanted state, compares it with what the
// kernel has and changes only what differs; [Host.Remove] takes exactly the
// same things away. Both start from whatever they find, so that it does not
// matter which agent, or which operator, was here before and how far it got.
//
// What is Weft's is known by where it is, and needs no memory: everything on the
// interface weft-gw, everything in the table inet weft, and rules of other
// tables that bear Weft's comment. Nothing else is ever touched, but for
// forwarding, which is switched on and stays on.
//
// Package agent imports it. It must not know where the wanted state comes from,
// and works on the network namespace of its process.
package hostside
