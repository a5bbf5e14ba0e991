package walk

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	of "github.com/weft-sdn/weft/openflow"
)

const (
	inside, kernel = 1, 2 // ports
	natZone        = 7
	pinZone        = natZone + 1<<15
)

var (
	own      = netip.MustParseAddr("10.0.1.10")
	transit  = netip.MustParseAddr("100.64.0.9")
	internet = netip.MustParseAddr("8.8.8.8")
	routerIP = of.EthType.Uint(ethIPv4)
)

// translator is a switch that translates what leaves by its kernel, and takes
// in answers and what is forwarded to port 80.
func translator() *Underlay {
	goOn := func(table uint8) of.Instruction { return of.GotoTable{Table: table} }
	ct := func(flags uint16, table uint8, nested ...of.Action) []of.Instruction {
		return apply(of.CT{Flags: flags, Zone: natZone, Table: table, Nested: nested})
	}
	state := func(bits CTState) of.FieldValue { return of.CTState.UintMask(uint64(bits), uint64(bits)) }
	sw := NewSwitch([]of.FlowStats{
		{Match: of.NewMatch(routerIP, of.InPort.Uint(inside)), Instructions: ct(of.CTCommit, 78, of.NAT{Flags: of.NATSrc, Min: transit})},
		{Match: of.NewMatch(routerIP, of.InPort.Uint(kernel)), Instructions: []of.Instruction{goOn(6)}},
		{Table: 6, Match: of.NewMatch(routerIP, of.IPv4Dst.Addr(transit)), Instructions: ct(0, 7, of.NAT{})},
		{Table: 7, Priority: 150, Match: of.NewMatch(routerIP, state(CTTracked|CTEstablished)), Instructions: apply(of.Output{Port: inside})},
		{Table: 7, Priority: 110, Cookie: 9, Match: of.NewMatch(routerIP, state(CTTracked|CTNew), of.IPProto.Uint(protoTCP), of.TCPDst.Uint(80)),
			Instructions: ct(of.CTCommit, 8, of.NAT{Flags: of.NATDst, Min: own})},
		{Table: 8, Match: of.NewMatch(routerIP), Instructions: apply(of.Output{Port: inside})},
		{Table: 7, Priority: 1},
		{Table: 78, Priority: 200, Match: of.NewMatch(routerIP, state(CTTracked|CTInvalid))},
		{Table: 78, Priority: 100, Match: of.NewMatch(routerIP), Instructions: apply(of.Load{Dst: of.InPort16.All()}, of.Output{Port: kernel})},
	}, nil)
	return NewUnderlay(&Host{Name: "host1", Switch: sw, GatewayPort: kernel})
}

// leaves checks that a packet comes out at a port as another.
func leaves(t *testing.T, u *Underlay, in uint32, p Packet, how Outcome, want Packet) {
	t.Helper()
	r := u.Walk("host1", in, p)
	if r.Err != nil || len(r.Ends) != 1 || r.Ends[0].Outcome != how || how != Dropped && r.Ends[0].Packet != want {
		t.Errorf("%v should end as %v:\n%s", &p, &want, r.Text(Words{}))
	}
}

func between(src, dst netip.Addr) Packet { return Frame(strangeMAC, Broadcast).IP(src, dst) }

func TestWhatLeavesIsTranslatedAndItsAnswerBack(t *testing.T) {
	u := translator()
	leaves(t, u, kernel, between(internet, transit).TCP(443, 5000), Dropped, Packet{})
	leaves(t, u, inside, between(own, internet).TCP(5000, 443), ToKernel, between(transit, internet).TCP(5000, 443))
	leaves(t, u, kernel, between(internet, transit).TCP(443, 5000), Sent, between(internet, own).TCP(443, 5000))
	leaves(t, u, kernel, between(internet, transit).TCP(443, 5001), Dropped, Packet{})
	leaves(t, u, inside, between(own, internet).Echo(), ToKernel, between(transit, internet).Echo())
	leaves(t, u, kernel, between(internet, transit).ICMP(0, 0), Sent, between(internet, own).ICMP(0, 0))
	u.hosts["host1"].Switch.Forget()
	leaves(t, u, kernel, between(internet, transit).TCP(443, 5000), Dropped, Packet{})
	u.hosts["host1"].Switch.Assume = CTEstablished
	leaves(t, u, kernel, between(internet, transit).TCP(443, 5000), Sent, between(internet, transit).TCP(443, 5000))
}

func TestWhatIsForwardedIsAnsweredByTheTransitAddress(t *testing.T) {
	u := translator()
	leaves(t, u, kernel, between(internet, transit).TCP(5000, 81), Dropped, Packet{})
	leaves(t, u, kernel, between(internet, transit).TCP(5000, 80), Sent, between(internet, own).TCP(5000, 80))
	leaves(t, u, inside, between(own, internet).TCP(80, 5000), ToKernel, between(transit, internet).TCP(80, 5000))
}

func TestAnswersBeginNoConnection(t *testing.T) {
	u := translator()
	for what, p := range map[string]Packet{
		"an echo reply":  between(own, internet).ICMP(0, 0),
		"SYN and ACK":    between(own, internet).tcpFlags(0x12),
		"no known ICMP":  between(own, internet).ICMP(9, 0),
		"an ICMP answer": between(own, internet).ICMP(14, 0),
	} {
		if r := u.Walk("host1", inside, p); r.Err != nil || r.Count(Dropped) != 1 {
			t.Errorf("%s:\n%s", what, r.Text(Words{}))
		}
	}
}

func (p Packet) tcpFlags(flags uint64) Packet {
	p = p.TCP(1, 2)
	p.set(of.TCPFlags.Uint(flags))
	return p
}

func TestWhatTheTrackerCannotKnow(t *testing.T) {
	u := translator()
	leaves(t, u, inside, between(own, internet).UDP(5000, 53), ToKernel, between(transit, internet).UDP(5000, 53))
	for says, p := range map[string]Packet{
		"of which connection an ICMP error": between(own, internet).ICMP(3, 1),
		"a later fragment":                  between(own, internet).UDP(1, 2).LaterFragment(),
		"another connection in zone 7":      between(strange4, internet).UDP(5000, 53),
	} {
		if r := u.Walk("host1", inside, p); r.Err == nil || !strings.Contains(r.Err.Error(), says) {
			t.Errorf("%v: %v, wanted %q", &p, r.Err, says)
		}
	}
}

// A connection keeps what marks it, also in the other direction.
func TestMarksStay(t *testing.T) {
	sw := NewSwitch([]of.FlowStats{
		{Match: of.NewMatch(routerIP), Instructions: apply(of.CT{Zone: pinZone, Table: 1})},
		{Table: 1, Priority: 2, Match: of.NewMatch(routerIP, of.CTMark.Uint(0x105)), Instructions: apply(of.Output{Port: 5})},
		{Table: 1, Priority: 1, Match: of.NewMatch(routerIP), Instructions: apply(
			of.SetField{FieldValue: of.Reg[2].Uint(0xff05)},
			of.CT{Flags: of.CTCommit, Zone: pinZone, Table: of.NoTable, Nested: []of.Action{
				of.Load{Dst: of.CTMark.Range(8, 8), Value: 1},
				of.Move{Src: of.Reg[2].Range(0, 7), Dst: of.CTMark.Range(0, 7)},
			}}, of.Output{Port: 6})},
	}, nil)
	u := NewUnderlay(&Host{Name: "host1", Switch: sw})
	for i, p := range []Packet{between(own, internet).UDP(1, 2), between(own, internet).UDP(1, 2), between(internet, own).UDP(2, 1)} {
		if r := u.Walk("host1", inside, p); len(r.Ends) != 1 || r.Ends[0].Port != []uint32{6, 5, 5}[i] {
			t.Errorf("packet %d:\n%s", i, r.Text(Words{}))
		}
	}
}

func TestTheTTLEnds(t *testing.T) {
	sw := NewSwitch([]of.FlowStats{
		{Instructions: []of.Instruction{of.ApplyActions{Actions: []of.Action{of.DecTTL{}}}, of.GotoTable{Table: 1}}},
		{Table: 1, Instructions: apply(of.Output{Port: 5})},
	}, nil)
	u := NewUnderlay(&Host{Name: "host1", Switch: sw})
	for _, src := range []netip.Addr{own, strange6} {
		for ttl, want := range map[uint8]Outcome{0: ToController, 1: ToController, 2: Sent, 255: Sent} {
			r := u.Walk("host1", inside, between(src, src).HopLimit(ttl))
			if len(r.Ends) != 1 || r.Ends[0].Outcome != want || want == Sent && r.Ends[0].Packet.Uint(of.IPTTL) != uint64(ttl-1) {
				t.Errorf("%d:\n%s", ttl, r.Text(Words{}))
			}
		}
	}
}

func TestPacketsThatAreTooLarge(t *testing.T) {
	sw := NewSwitch([]of.FlowStats{
		{Instructions: []of.Instruction{of.ApplyActions{Actions: []of.Action{of.CheckPktLarger{Len: 1464, Dst: of.Reg[10].Range(0, 0)}}}, of.GotoTable{Table: 1}}},
		{Table: 1, Match: of.NewMatch(of.Reg[10].Uint(1)), Instructions: apply(of.Output{Port: of.PortController})},
		{Table: 1, Match: of.NewMatch(of.Reg[10].Uint(0)), Instructions: apply(of.Output{Port: 5})},
	}, nil)
	u := NewUnderlay(&Host{Name: "host1", Switch: sw})
	for size, want := range map[int]Outcome{0: Sent, 1464: Sent, 1465: ToController} {
		if r := u.Walk("host1", inside, between(own, own).Size(size)); len(r.Ends) != 1 || r.Ends[0].Outcome != want {
			t.Errorf("%d:\n%s", size, r.Text(Words{}))
		}
	}
}

func TestWhatIsLearnedIsFoundAgain(t *testing.T) {
	learn := of.Learn{Table: 1, Priority: 100, IdleTimeout: 300, Specs: []of.LearnSpec{
		{Kind: of.LearnMatch, Bits: 48, Src: of.EthSrc.All(), Dst: of.EthDst.All()},
		{Kind: of.LearnMatch, Bits: 16, Value: []byte{0, 5}, Dst: of.Reg[4].Range(0, 15)},
		{Kind: of.LearnLoad, Bits: 16, Src: of.InPort16.All(), Dst: of.Reg[0].Range(0, 15)},
	}}
	sw := NewSwitch([]of.FlowStats{
		{Instructions: apply(learn, of.Load{Dst: of.Reg[4].Range(0, 15), Value: 5}, of.ResubmitTo(1), of.ResubmitTo(2))},
		{Table: 1, Priority: 1},
		{Table: 2, Priority: 1, Match: of.NewMatch(of.Reg[0].Uint(7)), Instructions: apply(of.Output{Port: 7})},
		{Table: 2, Priority: 1, Match: of.NewMatch(of.Reg[0].Uint(8)), Instructions: apply(of.Output{Port: 8})},
		{Table: 2, Instructions: apply(of.Output{Port: 99})},
	}, nil)
	u := NewUnderlay(&Host{Name: "host1", Switch: sw})
	one, two := [6]byte{2, 1}, [6]byte{2, 2}
	for i, step := range []struct {
		in       uint32
		src, dst [6]byte
		out      uint32
	}{{7, one, two, 99}, {5, two, one, 7}, {8, one, two, 99}, {7, two, one, 8}} {
		r := u.Walk("host1", step.in, Frame(step.src, step.dst))
		var out []uint32
		for _, e := range r.Ends {
			if e.Outcome == Sent {
				out = append(out, e.Port)
			}
		}
		if r.Err != nil || !slices.Contains(out, step.out) {
			t.Errorf("packet %d comes out at %v, not %d:\n%s", i, out, step.out, r.Text(Words{}))
		}
	}
}

// The choice does not depend on the direction, and spreads.
func TestMultipathSpreads(t *testing.T) {
	sw := NewSwitch([]of.FlowStats{
		{Instructions: []of.Instruction{of.ApplyActions{Actions: []of.Action{of.Multipath{Fields: of.HashSymmetricL3L4UD, MaxLink: 2, Dst: of.Reg[6].All()}}}, of.GotoTable{Table: 1}}},
		{Table: 1, Match: of.NewMatch(of.Reg[6].Uint(0)), Instructions: apply(of.Output{Port: 10})},
		{Table: 1, Match: of.NewMatch(of.Reg[6].Uint(1)), Instructions: apply(of.Output{Port: 11})},
		{Table: 1, Match: of.NewMatch(of.Reg[6].Uint(2)), Instructions: apply(of.Output{Port: 12})},
	}, nil)
	u := NewUnderlay(&Host{Name: "host1", Switch: sw})
	taken := map[uint32]int{}
	for port := range uint16(60) {
		there, back := u.Walk("host1", 1, between(own, internet).UDP(port, 53)), u.Walk("host1", 1, between(internet, own).UDP(53, port))
		if len(there.Ends) != 1 || len(back.Ends) != 1 || there.Ends[0].Port != back.Ends[0].Port {
			t.Errorf("port %d:\n%s%s", port, there.Text(Words{}), back.Text(Words{}))
		}
		taken[there.Ends[0].Port]++
	}
	if len(taken) != 3 {
		t.Error(fmt.Sprint(taken))
	}
}

// A foreign flow can say so, and must not end the controller that looks at it.
func TestTranslationToTheOtherFamilyIsAnError(t *testing.T) {
	from := tuple{src: netip.MustParseAddr("10.0.0.1"), dst: netip.MustParseAddr("10.0.0.2"), proto: protoUDP}
	for _, flags := range []uint16{of.NATSrc, of.NATDst} {
		if _, err := translate(from, of.NAT{Flags: flags, Min: netip.MustParseAddr("fd00::1")}); err == nil {
			t.Errorf("flags %d: an IPv4 packet got an IPv6 address", flags)
		}
	}
}
