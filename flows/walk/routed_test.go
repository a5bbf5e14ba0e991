package walk

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/weft-sdn/weft/flows"
	of "github.com/weft-sdn/weft/openflow"
)

// senders are the endpoints that send to a gateway.
func (w *world) senders() []flows.Endpoint {
	return slices.DeleteFunc(w.plugged(), func(e flows.Endpoint) bool {
		return e.MAC == noMAC || w.network(e.VNI).Gateway == nil
	})
}

// forget has all hosts forget what they tracked.
func (w *world) forget() {
	for _, h := range w.underlay.hosts {
		h.Switch.Forget()
	}
}

// passedOn is the packet as a router passes it on.
func (p Packet) passedOn(to [6]byte) Packet {
	p.set(of.EthSrc.MAC(flows.RouterMAC), of.EthDst.MAC(to), of.IPTTL.Uint(p.Uint(of.IPTTL)-1))
	return p
}

// Routing reaches whom it is meant to, and nobody else: also where somebody in
// a network that is no concern of the sender's has the address.
func TestRoutersLeadToTheNetworksThatTheyAreFor(t *testing.T) {
	arrived, elsewhere := 0, 0
	eachWorld(t, func(t *testing.T, w *world) {
		for _, a := range w.senders() {
			for _, b := range w.endpoints {
				for _, to := range b.Addresses {
					from, may := w.family(a, to)
					if !may || a.Number == b.Number {
						continue
					}
					want := w.routed(a, to)
					for _, p := range []Packet{
						Frame(a.MAC, flows.RouterMAC).IP(from, to).TCP(40000, 80),
						Frame(a.MAC, flows.RouterMAC).IP(from, to).Echo(),
					} {
						w.forget()
						r := w.expect(t, a, fmt.Sprintf("a packet to %v by the gateway", to), p, want...)
						for _, end := range r.Ends {
							switch {
							case end.Outcome == Sent && end.Packet != p.passedOn(w.mac(want[0])):
								t.Errorf("%v arrives as %v", &p, &end.Packet)
							case end.Outcome == ToKernel:
								elsewhere++
								w.checkExit(t, a, p, &r)
							}
						}
						arrived += len(want)
					}
				}
			}
		}
	})
	t.Logf("%d packets arrived, %d left", arrived, elsewhere)
	if *oneSeed == 0 && (arrived == 0 || elsewhere == 0) {
		t.Error("the topologies test nothing")
	}
}

func (w *world) mac(number uint32) [6]byte {
	return w.endpoints[slices.IndexFunc(w.endpoints, func(e flows.Endpoint) bool { return e.Number == number })].MAC
}

// checkExit checks what left: once, at a host that is a way out of the network,
// and translated where the network translates.
func (w *world) checkExit(t *testing.T, a flows.Endpoint, p Packet, r *Result) *End {
	t.Helper()
	i := slices.IndexFunc(r.Ends, func(e End) bool { return e.Outcome == ToKernel })
	if r.Err != nil || i < 0 || r.Count(ToKernel) != 1 || r.Count(Sent) != 0 {
		t.Errorf("%v from endpoint %d should leave once:\n%s", &p, a.Number, r.Text(Words{}))
		return nil
	}
	end := &r.Ends[i]
	if !w.mayExit(a, end.Host) {
		t.Errorf("%v from endpoint %d leaves by %s:\n%s", &p, a.Number, end.Host, r.Text(Words{}))
		return nil
	}
	want := p.passedOn(flows.HostMAC(w.hostCalled(end.Host).Number))
	if w.network(a.VNI).Gateway.Mode == flows.SNAT {
		if p.meets(isIPv4) {
			want.set(of.IPv4Src.Addr(a.Transit.V4))
		} else {
			want.set(of.IPv6Src.Addr(a.Transit.V6))
		}
	}
	if end.Packet != want {
		t.Errorf("%v from endpoint %d leaves as %v, not as %v", &p, a.Number, &end.Packet, &want)
	}
	return end
}

// flow is a packet and its answer.
type flow struct{ there, back Packet }

func (w *world) conversations(a flows.Endpoint, from, to netip.Addr) []flow {
	p, q := Frame(a.MAC, flows.RouterMAC).IP(from, to), Frame([6]byte{}, flows.RouterMAC).IP(to, from)
	return []flow{
		{p.TCP(40000, 443), q.TCP(443, 40000).tcpSYNACK()},
		{p.UDP(40000, 53), q.UDP(53, 40000)},
		{p.Echo(), q.EchoReply()},
	}
}

func (p Packet) tcpSYNACK() Packet {
	p.set(of.TCPFlags.Uint(0x12))
	return p
}

// EchoReply puts the answer to an echo request into the IP packet.
func (p Packet) EchoReply() Packet {
	if p.meets(isIPv6) {
		return p.ICMP(129, 0)
	}
	return p.ICMP(0, 0)
}

// answeredFrom is an answer as the kernel of a host hands it in that got a
// packet.
func answeredFrom(end *End, back Packet) Packet {
	back.set(of.EthSrc.MAC(end.Packet.MAC(of.EthDst)))
	if back.meets(isIPv4) {
		back.set(of.IPv4Dst.Addr(end.Packet.Addr(of.IPv4Src)))
	} else {
		back.set(of.IPv6Dst.Addr(end.Packet.Addr(of.IPv6Src)))
	}
	return back
}

func TestWhatLeavesIsAnsweredAndKeepsItsWay(t *testing.T) {
	left, answered := 0, 0
	eachWorld(t, func(t *testing.T, w *world) {
		for _, a := range w.senders() {
			for _, v4 := range []bool{true, false} {
				from, may := w.family(a, outside(v4))
				if !may || from.IsLinkLocalUnicast() {
					continue
				}
				hosts, sure := w.exits(a)
				for _, f := range w.conversations(a, from, outside(v4)) {
					w.forget()
					r := w.send(a, f.there)
					if r.Count(Sent) != 0 || r.Count(ToKernel) > 0 && len(hosts) == 0 {
						t.Errorf("endpoint %d:\n%s", a.Number, r.Text(Words{}))
					}
					if !sure {
						continue
					}
					end := w.checkExit(t, a, f.there, &r)
					if end == nil {
						return
					}
					left++
					back := answeredFrom(end, f.back)
					in := w.underlay.Walk(end.Host, gatewayPort, back)
					if w.connectedTo(end.Host, a) {
						answered++
						w.arrives(t, a, &in, f.back.passedOn(a.MAC))
					}
					again := w.send(a, f.there)
					if second := w.checkExit(t, a, f.there, &again); second != nil && second.Host != end.Host {
						t.Errorf("endpoint %d: a connection leaves by %s, and then by %s", a.Number, end.Host, second.Host)
					}
				}
			}
		}
	})
	t.Logf("%d connections, %d of them answered", left, answered)
	if *oneSeed == 0 && (left == 0 || answered == 0) {
		t.Error("the topologies test nothing")
	}
}

func (w *world) connectedTo(host string, e flows.Endpoint) bool {
	return w.connected(flows.Endpoint{Host: w.hostCalled(host).Number}, e)
}

// arrives checks that an endpoint alone got a packet, once.
func (w *world) arrives(t *testing.T, e flows.Endpoint, r *Result, want Packet) {
	t.Helper()
	if got := w.receivers(*r); r.Err != nil || !slices.Equal(got, []uint32{e.Number}) {
		t.Errorf("it reaches %v, and should reach %d:\n%s", got, e.Number, r.Text(Words{}))
		return
	}
	for _, end := range r.Ends {
		if end.Outcome == Sent && end.Packet != want {
			t.Errorf("it arrives as %v, not as %v", &end.Packet, &want)
		}
	}
}

func TestGatewaysAnswer(t *testing.T) {
	asked := 0
	eachWorld(t, func(t *testing.T, w *world) {
		for _, a := range w.senders() {
			for _, gateway := range w.network(a.VNI).Gateway.Addresses {
				from, may := w.family(a, gateway)
				if !may {
					continue
				}
				asked++
				r := w.expect(t, a, "a question for the gateway", Question(a.MAC, from, gateway), a.Number)
				for _, end := range r.Ends {
					p := &end.Packet
					if p.MAC(of.EthSrc) != flows.RouterMAC || p.MAC(of.EthDst) != a.MAC ||
						p.Addr(of.ARPSPA) != gateway && p.Addr(of.NDTarget) != gateway ||
						gateway.Is6() && (p.Uint(of.NDReserved) != 0xe0000000 || p.MAC(of.NDTLL) != flows.RouterMAC) {
						t.Errorf("the answer about %v is %v", gateway, p)
					}
				}
				ping := Frame(a.MAC, flows.RouterMAC).IP(from, gateway).Echo().HopLimit(1)
				w.arrivesBack(t, a, ping, Frame(flows.RouterMAC, a.MAC).IP(gateway, from).EchoReply())
			}
		}
	})
	if *oneSeed == 0 && asked == 0 {
		t.Error("the topologies test nothing")
	}
}

func (w *world) arrivesBack(t *testing.T, a flows.Endpoint, p, want Packet) {
	t.Helper()
	r := w.send(a, p)
	w.arrives(t, a, &r, want)
}

// Nobody reaches anybody who is in another network and on no router with it,
// whatever is sent to the gateway.
func TestNobodyIsReachedByAGatewayThatIsNotOnTheRouter(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, a := range w.senders() {
			for range 60 {
				p := w.toRouter(a)
				if p.isLaterFragment() {
					continue
				}
				w.forget()
				for _, h := range w.underlay.hosts {
					h.Switch.Assume = some(w, 0, CTEstablished, CTEstablished|CTReply, CTRelated)
				}
				r := w.send(a, p)
				for _, number := range w.receivers(r) {
					i := slices.IndexFunc(w.endpoints, func(e flows.Endpoint) bool { return e.Number == number })
					if i < 0 || !w.together(a, w.endpoints[i]) {
						t.Errorf("endpoint %d reaches %d:\n%s", a.Number, number, r.Text(Words{}))
					}
				}
				for _, end := range r.Ends {
					if end.Outcome == ToKernel && !w.mayExit(a, end.Host) {
						t.Errorf("endpoint %d leaves by %s:\n%s", a.Number, end.Host, r.Text(Words{}))
					}
				}
			}
		}
	})
}

// mayExit is whether what an endpoint sends may leave by a host.
func (w *world) mayExit(a flows.Endpoint, host string) bool {
	if !w.network(a.VNI).Gateway.Mode.Leaves() {
		return false
	}
	may, _ := w.serves(w.hostCalled(host), a)
	return may
}

func (w *world) hostCalled(name string) flows.Host {
	return w.hosts[slices.IndexFunc(w.hosts, func(h flows.Host) bool { return hostName(h.Number) == name })]
}
