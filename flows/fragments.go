package flows

import "github.com/weft-sdn/weft/openflow/program"

// endpoint is an endpoint with its fragments, each built once and shared by
// all hosts that have it.
type endpoint struct {
	Endpoint
	fragments [len(endpointKinds)]*program.Fragment
}

// endpointKinds are the roles in which an endpoint has flows.
var endpointKinds = [...]Kind{KindLocal, KindPort, KindRemote, KindAnswer, KindAdopt, KindNeighbour, KindTransit, KindForward, KindGuard}

func (e *endpoint) key(kind Kind) program.Key {
	return program.Key{Kind: uint8(kind), VNI: e.VNI, Owner: e.Number}
}

// build makes the fragments. Those that are as they were before stay the same
// value, so that nothing is sent for them.
func (e *endpoint) build(n *network, before *endpoint) {
	e.fragments = [len(endpointKinds)]*program.Fragment{}
	if e.Host == 0 {
		return
	}
	for i, kind := range endpointKinds {
		f := e.make(n, kind)
		if before != nil && f != nil && before.fragments[i] != nil && f.Equal(before.fragments[i]) {
			f = before.fragments[i]
		}
		e.fragments[i] = f
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
	}
	return nil
}

// on is what a host has of the endpoint in the role endpointKinds[i]: its own
// host is told how to deliver to it, the others how to reach its host.
func (n *network) on(number uint32, e *endpoint, i int) *program.Fragment {
	part, here := n.parts[number], number == e.Host
	if part == absent {
		return nil
	}
	has := false
	switch endpointKinds[i] {
	case KindAnswer:
		has = part == member
	case KindRemote:
		has = !here
	case KindNeighbour:
		has = true
	case KindGuard:
		has = n.hasNIC(number)
	case KindTransit, KindForward:
		has = n.lists(number)
		if n.leaves() && len(n.Gateway.Hosts) == 0 {
			// What came in on another host goes back there.
			has = here || part == member && (n.Gateway.HostAccess || len(e.Forwards) > 0)
		}
	default:
		has = here
	}
	if !has {
		return nil
	}
	return e.fragments[i]
}
