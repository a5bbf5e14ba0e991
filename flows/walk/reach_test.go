package walk

import (
	"net/netip"
	"testing"

	"github.com/weft-sdn/weft/flows"
	of "github.com/weft-sdn/weft/openflow"
)

// own are the addresses of an endpoint by which others know it.
func (w *world) own(e flows.Endpoint) []netip.Addr {
	addresses := e.Addresses
	if hasFamily(e, false) && w.network(e.VNI).IPv6 {
		addresses = append(addresses[:len(addresses):len(addresses)], flows.LinkLocal(e.MAC))
	}
	return addresses
}

func hasFamily(e flows.Endpoint, v4 bool) bool {
	for _, a := range e.Addresses {
		if a.Is4() == v4 {
			return true
		}
	}
	return false
}

// family finds an address of the endpoint that can speak to another one.
func (w *world) family(e flows.Endpoint, like netip.Addr) (netip.Addr, bool) {
	for _, a := range w.own(e) {
		if a.Is4() == like.Is4() {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// legitimate are packets that an endpoint may send to a MAC, one for each of
// its addresses, in every protocol.
func (w *world) legitimate(e flows.Endpoint, to [6]byte, target func(v4 bool) netip.Addr) []Packet {
	if len(e.Addresses) == 0 { // layer 2 only
		return []Packet{
			Frame(e.MAC, to).EtherType(0x88b5),
			Frame(e.MAC, to).IP(netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2")).UDP(1, 2),
		}
	}
	var out []Packet
	for _, a := range w.own(e) {
		p := Frame(e.MAC, to).IP(a, target(a.Is4()))
		out = append(out, p.TCP(40000, 80), p.UDP(40000, 53), p.Echo(), p.Protocol(132), p.UDP(1, 2).FirstFragment(), p.UDP(1, 2).LaterFragment())
	}
	return out
}

func someTarget(v4 bool) netip.Addr {
	if v4 {
		return netip.MustParseAddr("10.0.0.200")
	}
	return netip.MustParseAddr("2001:db8::200")
}

func TestUnicastArrivesOnceExactlyWhereItIsMeantTo(t *testing.T) {
	packets, arrived := 0, 0
	eachWorld(t, func(t *testing.T, w *world) {
		for _, a := range w.plugged() {
			for _, b := range w.endpoints {
				if a.MAC == noMAC || a.Number == b.Number || b.MAC == noMAC {
					continue
				}
				for _, p := range w.legitimate(a, b.MAC, someTarget) {
					packets++
					// A MAC means somebody in the sender's network, though
					// others have it too.
					var want []uint32
					for _, c := range w.endpoints {
						if c.MAC == b.MAC && w.reaches(a, c) {
							want = append(want, c.Number)
							arrived++
						}
					}
					r := w.expect(t, a, "a unicast packet", p, want...)
					for _, end := range r.Ends {
						if end.Outcome == Sent && end.Packet != p.sent() {
							t.Errorf("%v arrives changed, as %v", &p, &end.Packet)
						}
					}
				}
			}
		}
	})
	if *oneSeed == 0 && (arrived == 0 || arrived == packets) {
		t.Errorf("%d of %d packets arrived: the topologies test nothing", arrived, packets)
	}
	t.Logf("%d packets, %d meant to arrive", packets, arrived)
}

func TestBroadcastArrivesOnceAtEveryOtherMember(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, a := range w.plugged() {
			if a.MAC == noMAC {
				continue
			}
			all := netip.MustParseAddr("ff02::1")
			for _, to := range [][6]byte{Broadcast, GroupMAC(all), {0x01, 0x00, 0x5e, 0, 0, 251}} {
				for _, p := range w.legitimate(a, to, someTarget) {
					w.expect(t, a, "a packet to all", p, w.others(a)...)
				}
			}
		}
	})
}

func TestQuestionsForKnownAddressesAreAnsweredAndGoNowhereElse(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, a := range w.plugged() {
			if a.MAC == noMAC {
				continue
			}
			for _, b := range w.endpoints {
				if b.VNI != a.VNI || b.Number == a.Number {
					continue
				}
				for _, target := range w.own(b) {
					source, may := w.family(a, target)
					if !may || b.MAC == noMAC && target.IsLinkLocalUnicast() {
						continue
					}
					unspecified := netip.IPv6Unspecified()
					if target.Is4() {
						unspecified = netip.IPv4Unspecified()
					}
					for _, src := range []netip.Addr{source, unspecified} {
						w.expectAnswer(t, a, b, target, Question(a.MAC, src, target))
					}
				}
			}
		}
	})
}

// expectAnswer checks that a alone hears, once, that b has the address.
func (w *world) expectAnswer(t *testing.T, a, b flows.Endpoint, target netip.Addr, question Packet) {
	t.Helper()
	if !answered(b) {
		w.expectUnknown(t, a, question)
		return
	}
	r := w.expect(t, a, "a question", question, a.Number)
	for _, end := range r.Ends {
		p := &end.Packet
		if end.Outcome != Sent {
			continue
		}
		if p.MAC(of.EthSrc) != b.MAC {
			t.Errorf("the answer about %v comes from %v", target, p)
		}
		if target.Is4() {
			want := Frame(b.MAC, a.MAC).ARP(ARPReply, b.MAC, target, a.MAC, question.Addr(of.ARPSPA))
			if *p != want {
				t.Errorf("the answer is\n%v, not\n%v", p, &want)
			}
			continue
		}
		src := question.Addr(of.IPv6Src)
		want := Frame(b.MAC, a.MAC).IP(target, src).Advertise(target, b.MAC)
		flags := uint64(0x60000000) // solicited, override
		if src.IsUnspecified() {
			all := netip.MustParseAddr("ff02::1")
			want = Frame(b.MAC, GroupMAC(all)).IP(target, all).Advertise(target, noMAC)
			flags = 0x20000000 // override
		}
		want.set(of.NDReserved.Uint(flags))
		if *p != want {
			t.Errorf("the answer is\n%v, not\n%v", p, &want)
		}
	}
}

// expectUnknown checks what becomes of a question that nobody can answer.
func (w *world) expectUnknown(t *testing.T, a flows.Endpoint, question Packet) {
	t.Helper()
	if w.network(a.VNI).Flood {
		w.expect(t, a, "a question for an unknown address", question, w.others(a)...)
	} else {
		w.expectDrop(t, a, "a question for an unknown address", question, flows.UnknownTarget)
	}
}

func TestQuestionsForUnknownAddresses(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, a := range w.plugged() {
			if a.MAC == noMAC {
				continue
			}
			for _, target := range []netip.Addr{someTarget(true), someTarget(false)} {
				if source, may := w.family(a, target); may {
					w.expectUnknown(t, a, Question(a.MAC, source, target))
				}
			}
		}
	})
}

func TestOwnProbesFindDuplicates(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, a := range w.plugged() {
			if a.MAC == noMAC {
				continue
			}
			for _, own := range w.own(a) {
				unspecified := netip.IPv6Unspecified()
				if own.Is4() {
					unspecified = netip.IPv4Unspecified()
					w.expect(t, a, "an announcement", Question(a.MAC, own, own), w.others(a)...)
				}
				w.expect(t, a, "a probe for its own address", Question(a.MAC, unspecified, own), w.others(a)...)
			}
		}
	})
}

func TestAnEndpointThatStillAdoptsReachesOnlyTheController(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, a := range w.plugged() {
			if a.MAC != noMAC {
				continue
			}
			r := w.expect(t, a, "a frame", Frame([6]byte{2, 9, 9, 9, 9, 9}, Broadcast).EtherType(0x0806))
			if r.Count(ToController) != 1 {
				t.Errorf("endpoint %d: the controller does not see its first frame once:\n%s", a.Number, r.Text(Words{}))
			}
		}
	})
}
