package flows

import (
	"slices"

	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// exits are the hosts through which packets leave a network, as one of its
// hosts sees them.
type exits struct {
	Network
	here Host
	// hosts are in the order in which they are chosen: first those that get
	// new connections, then those that are being drained.
	hosts  []Host
	active int
	// nics: there are machines behind NICs in the network.
	nics bool
	// named: the network names its gateways, and shares its connections among
	// them. Otherwise every host is its own.
	named bool
	// pinned: a connection may have another way out than the next one, so
	// each host remembers which.
	pinned bool
	// linked: this host does not reach all others directly. What comes from
	// another may come through a third, and whether a gateway is alive is no
	// matter of the link to it: cut are those that no way leads to.
	linked bool
	cut    map[uint32]bool
}

// place is where this host is among the exits; -1 if it is none.
func (x *exits) place() int {
	return slices.IndexFunc(x.hosts, func(h Host) bool { return h.Number == x.here.Number })
}

// steer is the way out of the network. It is a packet's second stage: on the
// sender's host it is still a frame in the network, and goes to the exit through
// the tunnel; only there it is routed.
func (x *exits) steer() *program.Fragment {
	b := &builder{kind: KindSteer, vni: x.VNI}
	if x.place() >= 0 {
		x.leave(b)
	}
	for _, f := range x.Gateway.families() {
		out := match(b.toRouter(fromHere), f.ip)
		switch {
		case x.pinned:
			b.flow(TableRoute, 100, out, last, track(x.Gateway.PinZone(), TableGWPinned))
		case x.place() >= 0:
			b.flow(TableRoute, 100, out, TableTTL)
		case len(x.hosts) > 0:
			b.flow(TableRoute, 100, out, TableMTU, set(regHost.Uint(uint64(x.hosts[0].Number))))
		}
	}
	if x.Gateway.HostAccess {
		x.hostsThemselves(b)
	}
	if x.pinned {
		x.pins(b)
	}
	return b.fragment()
}

// leave is for a host that is an exit: packets pass between the network and
// its kernel.
func (x *exits) leave(b *builder) {
	for _, f := range x.Gateway.families() {
		if x.named || x.pinned || x.Gateway.HostAccess {
			// From a tunnel a packet may only leave: its sender's host has
			// routed what goes to other networks.
			b.flow(TableRoute, 300, match(b.toRouter(fromTunnel), f.ip), TableTTL)
		}
		out := match(b.network(), f.ip)
		if x.Gateway.Mode == SNAT {
			b.flow(TableNextNetwork, 100, out, TableNATOut)
		} else {
			// What the pin's zone says of a connection is not to count at
			// the end of the way.
			b.flow(TableNextNetwork, 100, out, TableNATDone, of.CTClear{})
		}
	}
	if x.nics && x.translates() {
		x.fallback(b)
	}
	if x.direct() {
		x.enter(b)
	}
}

// enter lets what a kernel sends to the network's own addresses in. Where
// packets are translated on their way out, the answers to these are not: their
// connections are known, in the same zone, without a translation.
func (x *exits) enter(b *builder) {
	for _, a := range x.Gateway.Addresses {
		b.echoToHost(a)
	}
	for _, p := range x.Gateway.Subnets {
		b.guardSubnet(p)
		if x.Gateway.Mode == Routed {
			b.flow(TableUnNAT, 100, toSubnet(p), TableRoute, set(b.network()), handToRouter())
			continue
		}
		b.flow(TableUnNAT, 100, toSubnet(p), last, set(b.network()), commit(x.Gateway.Zone, TableNATIn))
		b.flow(TableNATIn, 100, match(b.network(), tracked(ctNew), toSubnet(p)), TableRoute, handToRouter())
	}
}

// hostsThemselves leads to the exits' own addresses, each of which is on its
// own host only.
func (x *exits) hostsThemselves(b *builder) {
	for _, f := range x.Gateway.families() {
		for _, h := range x.hosts {
			a := h.Transit.of(f)
			if !a.IsValid() {
				continue
			}
			out := match(b.toRouter(fromHere), to(a))
			if h.Number == x.here.Number {
				b.flow(TableRoute, 132, out, TableTTL)
			} else {
				b.flow(TableRoute, 132, out, TableMTU, set(regHost.Uint(uint64(h.Number))))
			}
		}
	}
}
