package walk

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/weft-sdn/weft/flows"
)

// serves is whether a host lets the connections in that its kernel has for an
// endpoint, and whether it surely gets them there.
func (w *world) serves(h flows.Host, e flows.Endpoint) (may, sure bool) {
	g := w.network(e.VNI).Gateway
	may = names(g, h) || len(g.Hosts) == 0 && slices.Contains(w.fabric.Members(e.VNI), h.Number)
	return may, may && e.Port != 0 && w.connected(e, flows.Endpoint{Host: h.Number})
}

// handIn has the kernel of a host hand in a packet, which only one may get.
func (w *world) handIn(t *testing.T, h flows.Host, p Packet, may, must bool, e flows.Endpoint) (r Result, arrived bool) {
	t.Helper()
	w.forget()
	r = w.underlay.Walk(hostName(h.Number), h.GatewayPort, p)
	got := w.receivers(r)
	arrived = slices.Equal(got, []uint32{e.Number})
	if r.Err != nil || len(got) > 0 && !(may && arrived) || must && !arrived || r.Count(ToKernel) > 0 && len(got) > 0 {
		t.Errorf("%v from the kernel of host %d reaches %v; endpoint %d may get it: %v, must: %v\n%s", &p, h.Number, got, e.Number, may, must, r.Text(Words{}))
	}
	return r, arrived
}

// eachEntry tests every endpoint's every address from every kernel.
func (w *world) eachEntry(t *testing.T, test func(h flows.Host, e flows.Endpoint, own netip.Addr)) {
	for _, h := range w.hosts {
		for _, e := range w.endpoints {
			g := w.network(e.VNI).Gateway
			if h.GatewayPort == 0 || g == nil || !g.Mode.Leaves() || e.MAC == noMAC {
				continue
			}
			for _, own := range e.Addresses {
				if test(h, e, own); t.Failed() {
					return
				}
			}
		}
	}
}

func TestForwardsLeadToTheirEndpointsAndNothingElseDoes(t *testing.T) {
	arrived := 0
	eachWorld(t, func(t *testing.T, w *world) {
		w.eachEntry(t, func(h flows.Host, e flows.Endpoint, own netip.Addr) {
			as := transitOf(e, own)
			if !as.IsValid() {
				return
			}
			client := outside(own.Is4())
			in := Frame(flows.HostMAC(h.Number), flows.RouterMAC)
			may, sure := w.serves(h, e)
			open := len(e.Forwards) > 0
			_, got := w.handIn(t, h, in.IP(client, as).TCP(40000, 80), may && open, sure && open, e)
			if got {
				arrived++
				// The answer goes out where the question came in.
				back := Frame(e.MAC, flows.RouterMAC).IP(own, client).TCP(80, 40000).tcpSYNACK()
				r := w.send(e, back)
				if end := w.checkExit(t, e, back, &r); end != nil && end.Host != hostName(h.Number) {
					t.Errorf("what came in by host %d is answered by %s:\n%s", h.Number, end.Host, r.Text(Words{}))
				}
			}
			w.handIn(t, h, in.IP(client, as).UDP(40000, 80), false, false, e)
			w.handIn(t, h, in.IP(client, as).TCP(40000, 81), false, false, e)
			w.handIn(t, h, in.IP(client, as).Echo(), false, false, e)
			// From an endpoint of this network, by way of the kernel.
			w.handIn(t, h, in.IP(as, as).TCP(40000, 80), may && open, sure && open, e)
		})
	})
	t.Logf("%d arrived", arrived)
	if *oneSeed == 0 && arrived == 0 {
		t.Error("the topologies test nothing")
	}
}

func TestKernelsReachAddressesThatAreKnownOutside(t *testing.T) {
	arrived := 0
	eachWorld(t, func(t *testing.T, w *world) {
		w.eachEntry(t, func(h flows.Host, e flows.Endpoint, own netip.Addr) {
			g := w.network(e.VNI).Gateway
			client := outside(own.Is4())
			in := Frame(flows.HostMAC(h.Number), flows.RouterMAC)
			may, sure := w.serves(h, e)
			open := g.HostAccess || g.Mode == flows.Routed
			if !open && slices.ContainsFunc(w.endpoints, func(o flows.Endpoint) bool {
				g := w.network(o.VNI).Gateway
				return slices.Contains(o.Addresses, own) && g != nil && (g.HostAccess || g.Mode == flows.Routed)
			}) {
				return // known outside, but as somebody else's
			}
			for _, src := range []netip.Addr{client, transitOf(flows.Endpoint{Transit: h.Transit}, own)} {
				_, got := w.handIn(t, h, in.IP(src, own).TCP(40000, 22), may && open, sure && open, e)
				if !got {
					continue
				}
				arrived++
				if g.Mode == flows.Routed && len(g.Hosts) == 0 && !g.HostAccess {
					continue // every host routes for itself, and keeps nothing in mind
				}
				back := Frame(e.MAC, flows.RouterMAC).IP(own, src).TCP(22, 40000).tcpSYNACK()
				r := w.send(e, back)
				i := slices.IndexFunc(r.Ends, func(e End) bool { return e.Outcome == ToKernel })
				if i < 0 || r.Count(ToKernel) != 1 || r.Ends[i].Host != hostName(h.Number) || r.Ends[i].Packet != back.passedOn(flows.HostMAC(h.Number)) {
					t.Errorf("the answer to host %d does not leave there as it is:\n%s", h.Number, r.Text(Words{}))
				}
			}
			// In the name of an endpoint, or of another host's transit address.
			if may && open {
				w.handIn(t, h, in.IP(own.Next(), own).TCP(40000, 22), false, false, e)
			}
			other := flows.Endpoint{Transit: flows.Transit{V4: netip.MustParseAddr("100.65.1.1"), V6: netip.MustParseAddr("fd77:6566:7400::1:ffff")}}
			w.handIn(t, h, in.IP(transitOf(other, own), own).TCP(40000, 22), false, false, e)
		})
	})
	t.Logf("%d arrived", arrived)
	if *oneSeed == 0 && arrived == 0 {
		t.Error("the topologies test nothing")
	}
}
