package verify

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/flows"
)

// A disguise is what no kernel may hand in, because somebody in a network would
// take it for an endpoint's: packets from an address, less those in none.
type disguise struct {
	what string
	cube cube
	none []cube
}

// disguises are those that the kernel of a host may try. It forwards between
// all networks that leave through it, so these would be joined there.
func (f *fabric) disguises(h *host) (list []disguise) {
	ranges := map[bool]netip.Prefix{true: h.TransitRange.V4, false: h.TransitRange.V6}
	own := map[bool]netip.Addr{true: h.Transit.V4, false: h.Transit.V6}
	for _, y := range families {
		if transit := ranges[y.v4]; transit.IsValid() {
			d := disguise{what: "a transit address", cube: plain(y.ethType, y.within(y.src, transit)),
				// From one transit address to another it is a forward that is used from inside.
				none: []cube{{y.within(y.dst, transit)}}}
			if a := own[y.v4]; a.IsValid() {
				d.none = append(d.none, cube{equals(y.src, addr(a))})
			}
			list = append(list, d)
		}
	}
	for _, vni := range slices.Sorted(maps.Keys(f.networks)) {
		n := f.networks[vni]
		if !n.isExit(h.Number) || n.Gateway.Mode != flows.Routed && !n.Gateway.HostAccess {
			continue
		}
		if len(n.Gateway.Hosts) == 0 && !slices.ContainsFunc(f.senders(vni), func(e flows.Endpoint) bool { return e.Host == h.Number }) {
			continue // it is its own way out for nobody
		}
		for _, p := range n.Gateway.Subnets {
			y := families[1]
			if p.Addr().Is4() {
				y = families[0]
			}
			list = append(list, disguise{what: fmt.Sprintf("an address of network VNI %d", vni), cube: plain(y.ethType, y.within(y.src, p))})
		}
	}
	return list
}

// kernels examines that what a kernel hands in reaches nobody in the name of an
// endpoint.
func (f *fabric) kernels() (found []Finding, more bool) {
	hosts := slices.SortedFunc(maps.Values(f.hosts), func(a, b *host) int { return cmp.Compare(a.Number, b.Number) })
	seen := map[culprit]bool{}
	for _, h := range hosts {
		if h.GatewayPort == 0 {
			continue
		}
		from := flows.Endpoint{Host: h.Number, Port: h.GatewayPort, MAC: flows.HostMAC(h.Number)}
		for _, d := range f.disguises(h) {
			w := walker{fabric: f, each: true, none: d.none, steps: maxSteps, leaf: func(*path, string) {}}
			w.wrong = func(p *path, at *frame, what string) {
				c := culprit{host: p.host, rule: at.rule}
				if what == "" {
					c.port = p.outs.port
				}
				if seen[c] || what == "" && p.outs.port == p.outs.host.GatewayPort {
					return
				}
				sent, v := solve(p.cube, slices.Concat(p.excluded(), d.none, impossible), pattern(from))
				if v == empty {
					return
				}
				seen[c] = true
				g := Finding{Kind: Leak, From: from, Host: p.host.Number, Port: c.port, To: p.host.behind[c.port],
					Steps: p.trail.steps(), Packet: sent.fields(from.Port),
					Why: fmt.Sprintf("the kernel of %s hands in a packet from %s, and it comes out", f.facts.host(h.Number), d.what)}
				if what != "" || v == undecided || p.doubt() != nil {
					g.Kind, g.Why = Unproved, fmt.Sprintf("it is not known what becomes of a packet from %s that the kernel of %s hands in", d.what, f.facts.host(h.Number))
				}
				if more = len(found) >= maxFindings; !more {
					found = append(found, g)
				}
			}
			w.send(h, 0, start(h.GatewayPort), d.cube)
		}
	}
	return found, more
}
