package flows

import "github.com/weft-sdn/weft/openflow/program"

// endpoint is an endpoint with its fragments, each built once and shared by
// all hosts that have it.
type endpoint struct {
	Endpoint
	fragments [len(endpointKinds)]*program.Fragment
	lost      [len(endpointKinds)]bool // there was a fragment, and is none now
}

// endpointKinds are the roles in which an endpoint has flows.
var endpointKinds = [...]Kind{KindLocal, KindPort, KindRemote, KindAnswer, KindAdopt, KindNeighbour, KindTransit, KindForward, KindGuard, KindKnown}

func (e *endpoint) key(kind Kind) program.Key {
	return program.Key{Kind: uint8(kind), VNI: e.VNI, Owner: e.Number}
}

// build makes the fragments. Those that are as they were before stay the same
// value, so that nothing is sent for them.
func (e *endpoint) build(n *network, before *endpoint) {
	for i, kind := range endpointKinds {
		var was, f *program.Fragment
		if before != nil {
			was = before.fragments[i]
		}
		if e.Host != 0 {
			f = e.make(n, kind)
		}
		if f != nil && was != nil && f.Equal(was) {
			f = was
		}
		e.fragments[i], e.lost[i] = f, f == nil && was != nil
	}
}

func (e *endpoint) make(n *network, kind Kind) *program.Fragment {
	known := e.MAC != noMAC
	switch {
	case kind == KindPort && e.Port != 0:
		return e.port()
	case kind == KindLocal && known:
		return e.local(n.Network)
	case kind == KindRemote && known:
		return e.remote(n.Network)
	case kind == KindAnswer && known && len(e.Addresses) > 0:
		return e.answer(n.Network)
	case kind == KindAdopt && !known:
		return e.adopt()
	case kind == KindNeighbour && known && n.Gateway != nil && len(e.Addresses) > 0:
		return e.neighbour()
	case kind == KindTransit && n.translates() && len(e.Transit.each()) > 0 && len(e.Addresses) > 0:
		return e.transit(n.Network)
	case kind == KindForward && n.translates() && len(e.Forwards) > 0:
		return e.forward(n.Network)
	case kind == KindGuard && known && len(n.nics) > 0:
		return e.guard(n.Network)
	case kind == KindKnown && known && len(n.nics) > 0:
		return e.known(n.Network)
	}
	return nil
}

// has reports whether a host that takes a part in the network has what the
// endpoint has in a role: its own host is told how to deliver to it, the others
// how to reach its host.
func (n *network) has(kind Kind, e *endpoint, number uint32, part part) bool {
	here := number == e.Host
	switch kind {
	case KindAnswer:
		return part == member
	case KindRemote:
		return part != absent && !here
	case KindNeighbour:
		return part != absent
	case KindGuard, KindKnown:
		return part == member && n.hasNIC(number)
	case KindTransit, KindForward:
		if n.leaves() && len(n.Gateway.Hosts) == 0 {
			// What came in on another host goes back there.
			return part == member && (here || n.Gateway.HostAccess || len(e.Forwards) > 0)
		}
		return part != absent && n.lists(number)
	}
	return part == member && here
}
