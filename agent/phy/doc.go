// Package phy prepares the underlay of a host without the kernel's datapath. The
// userspace one sends tunnel packets only by addresses that are on a bridge of
// its own, so the NIC becomes a port of such a bridge, br-phy, which takes over
// its MAC, addresses and routes; and the kernel's own stack, which would answer
// as well, is kept from hearing anything on the NIC.
//
// Prepare can be called again and again, and finishes what was broken off;
// Restore undoes it. Package agent/join imports this one. It knows nothing of
// controllers.
package phy
