package walk

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/flows"
	of "github.com/weft-sdn/weft/openflow"
)

var update = flag.Bool("update", false, "write the golden files")

// twoHosts is the network "red" (VNI 256) on two hosts, with an endpoint on
// either.
func twoHosts() (u *Underlay, one, two flows.Endpoint) {
	f := flows.NewFabric()
	u = NewUnderlay()
	for n := range uint32(2) {
		f.PutHost(flows.Host{Number: n + 1, VTEP: vtep(n + 1), TunnelPorts: flows.TunnelPorts{1}})
	}
	f.PutNetwork(flows.Network{VNI: 256, IPv6: true})
	endpoint := func(number, host uint32, addresses ...string) flows.Endpoint {
		e := flows.Endpoint{Number: number, VNI: 256, MAC: [6]byte{2, 0x42, 0, 0, 0, byte(number)}, Host: host, Port: 10 + number}
		for _, a := range addresses {
			e.Addresses = append(e.Addresses, netip.MustParseAddr(a))
		}
		f.PutEndpoint(e)
		return e
	}
	one = endpoint(1, 1, "10.65.10.2", "2001:db8::2")
	two = endpoint(2, 2, "10.65.10.3", "2001:db8::3")
	f.Flush()
	for n := range uint32(2) {
		u.Add(&Host{Name: hostName(n + 1), VTEP: vtep(n + 1), TunnelPorts: flows.TunnelPorts{1}, Switch: FromProgram(f.Program(n + 1))})
	}
	return u, one, two
}

func vtep(n uint32) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}) }

// The text is what people read who look for a packet.
func TestTheTextTellsTheWay(t *testing.T) {
	u, one, two := twoHosts()
	words := Words{
		Names: of.Names{Table: func(id uint8) string { return flows.TableNames[int(id)] }},
		Port: func(host string, port uint32) string {
			return map[uint32]string{11: "endpoint one", 12: "endpoint two"}[port]
		},
	}
	to := Frame(one.MAC, two.MAC).IP(one.Addresses[0], two.Addresses[0])
	for file, p := range map[string]Packet{
		"unicast":   to.TCP(40000, 80),
		"broadcast": Frame(one.MAC, Broadcast).IP(one.Addresses[0], two.Addresses[0]).UDP(1, 2),
		"arp":       Question(one.MAC, one.Addresses[0], two.Addresses[0]),
		"nd":        Question(one.MAC, one.Addresses[1], two.Addresses[1]),
		"spoofed":   Frame(one.MAC, two.MAC).IP(two.Addresses[0], one.Addresses[0]).TCP(40000, 80),
	} {
		r := u.Walk("host1", one.Port, p)
		golden(t, file, r.Text(words))
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s; if that is meant, go test ./flows/walk -update, and read the difference:\n%s", path, got)
	}
}

// A packet leaves by the other host, translated, and its answer comes back.
func TestTheTextTellsTheWayOutAndBack(t *testing.T) {
	f := flows.NewFabric()
	u := NewUnderlay()
	for n := range uint32(2) {
		f.PutHost(flows.Host{
			Number: n + 1, VTEP: vtep(n + 1), TunnelPorts: flows.TunnelPorts{flows.VXLAN: 1}, GatewayPort: gatewayPort, TransitRange: transitRange,
			Transit: flows.Transit{V4: netip.AddrFrom4([4]byte{100, 64, 0, byte(n + 1)})},
		})
	}
	f.PutNetwork(flows.Network{VNI: 256, Gateway: &flows.Gateway{
		Mode: flows.SNAT, Hosts: []flows.Exit{{Host: 2}}, Zone: 1, Limit: 1450,
		Addresses: []netip.Addr{netip.MustParseAddr("10.65.10.1")}, Subnets: []netip.Prefix{netip.MustParsePrefix("10.65.10.0/24")},
	}})
	one := flows.Endpoint{Number: 1, VNI: 256, MAC: [6]byte{2, 0x42, 0, 0, 0, 1}, Host: 1, Port: 11,
		Addresses: []netip.Addr{netip.MustParseAddr("10.65.10.2")}, Transit: flows.Transit{V4: netip.MustParseAddr("100.65.0.1")}}
	f.PutEndpoint(one)
	f.Flush()
	for n := range uint32(2) {
		u.Add(&Host{Name: hostName(n + 1), VTEP: vtep(n + 1), TunnelPorts: flows.TunnelPorts{flows.VXLAN: 1}, GatewayPort: gatewayPort, Switch: FromProgram(f.Program(n + 1))})
	}
	words := Words{Names: of.Names{Table: func(id uint8) string { return flows.TableNames[int(id)] }}}
	out := u.Walk("host1", one.Port, Frame(one.MAC, flows.RouterMAC).IP(one.Addresses[0], internet).TCP(40000, 80))
	golden(t, "out", out.Text(words))
	if len(out.Ends) != 1 {
		t.Fatal(out.Text(words))
	}
	back := u.Walk("host2", gatewayPort, out.Ends[0].Packet.Answer())
	golden(t, "back", back.Text(words))
}

func TestWhatGetsLostBetweenHosts(t *testing.T) {
	for about, test := range map[string]struct {
		happens func(one, two *Host)
		why     string
	}{
		"the receiver is down":          {func(_, two *Host) { two.Down = true }, "host host2 is down"},
		"the receiver is cut off":       {func(_, two *Host) { two.CutOff = true }, "host host2 is cut off"},
		"the sender is cut off":         {func(one, _ *Host) { one.CutOff = true }, "host host1 is cut off"},
		"the sender is down":            {func(one, _ *Host) { one.Down = true }, "host host1 is down"},
		"the receiver has no tunnel":    {func(_, two *Host) { two.TunnelPorts[flows.VXLAN] = 0 }, "host host2 has no tunnel port of vxlan"},
		"the sender has no VTEP":        {func(one, _ *Host) { one.VTEP = netip.Addr{} }, "host host1 has no VTEP"},
		"the sender has one of IPv6":    {func(one, _ *Host) { one.VTEP = netip.MustParseAddr("2001:db8::1") }, "not of the family"},
		"nobody has the receiver's":     {func(_, two *Host) { two.VTEP = vtep(9) }, "no host has the VTEP 192.0.2.2"},
		"the sender's VTEP is not that": {func(one, _ *Host) { one.VTEP = vtep(9) }, ""},
	} {
		u, one, two := twoHosts()
		h1, h2 := u.hosts["host1"], u.hosts["host2"]
		test.happens(h1, h2)
		u = NewUnderlay(h1, h2)
		r := u.Walk("host1", one.Port, Frame(one.MAC, two.MAC).IP(one.Addresses[0], two.Addresses[0]).Echo())
		if r.Err != nil || len(r.Ends) != 1 {
			t.Fatalf("%s: %s", about, r.Text(Words{}))
		}
		end := r.Ends[0]
		if test.why == "" {
			if end.Reason() != flows.NotAMember {
				t.Errorf("%s: %s", about, end.Text(Words{}))
			}
		} else if end.Outcome != Lost || !strings.Contains(end.Why, test.why) {
			t.Errorf("%s: %s", about, end.Text(Words{}))
		}
	}
}

func apply(actions ...of.Action) []of.Instruction {
	return []of.Instruction{of.ApplyActions{Actions: actions}}
}

func TestWhatIsNotKnownIsSaidAndNotGuessed(t *testing.T) {
	broadcast := of.GroupDesc{Group: 1, GroupType: of.GroupTypeSelect, Buckets: []of.Bucket{
		{Weight: 1, WatchPort: of.PortAny, WatchGroup: of.GroupAny, Actions: []of.Action{of.Output{Port: 1}}},
		{Weight: 1, WatchPort: of.PortAny, WatchGroup: of.GroupAny, Actions: []of.Action{of.Output{Port: 2}}}}}
	watched := of.NewBucket(of.Output{Port: 1})
	watched.WatchGroup = 1
	failover := of.GroupDesc{Group: 2, GroupType: of.GroupTypeFastFailover, Buckets: []of.Bucket{watched}}
	tracked := of.NewMatch(of.ConjID.Uint(5))
	for about, test := range map[string]struct {
		flows []of.FlowStats
		says  string
	}{
		"an action":             {[]of.FlowStats{{Instructions: apply(of.Conjunction{ID: 1})}}, `the action "conjunction`},
		"NORMAL":                {[]of.FlowStats{{Instructions: apply(of.Output{Port: of.PortNormal})}}, `the action "NORMAL"`},
		"an instruction":        {[]of.FlowStats{{Instructions: []of.Instruction{of.Meter{ID: 1}}}}, `the instruction "meter:1"`},
		"a field that is set":   {[]of.FlowStats{{Instructions: apply(of.SetField{FieldValue: of.VLANVID.Uint(0x1005)})}}, "the action"},
		"a field in a match":    {[]of.FlowStats{{Match: tracked}}, "does not know all fields of its match"},
		"a select group":        {[]of.FlowStats{{Instructions: apply(of.Group{ID: 1})}}, "which of the 2 buckets"},
		"a group that may live": {[]of.FlowStats{{Instructions: apply(of.Group{ID: 2})}}, "of which the walker does not know whether it lives"},
		"one of two flows": {[]of.FlowStats{
			{Priority: 5, Cookie: 1, Match: of.NewMatch(of.InPort.Uint(7))},
			{Priority: 5, Cookie: 2, Match: of.NewMatch(of.EthType.Uint(0x88b5))},
		}, "either of two flows of one priority"},
	} {
		u := NewUnderlay(&Host{Name: "host1", Switch: NewSwitch(test.flows, []of.GroupDesc{broadcast, failover})})
		r := u.Walk("host1", 7, Frame(strangeMAC, Broadcast).EtherType(0x88b5))
		if r.Err == nil || !strings.Contains(r.Err.Error(), test.says) {
			t.Errorf("%s: %v, wanted %q", about, r.Err, test.says)
		}
		if r.Count(Sent) != 0 {
			t.Errorf("%s: it is sent all the same", about)
		}
	}
}

func TestWhatDoesNotMatterNeedNotBeKnown(t *testing.T) {
	sw := NewSwitch([]of.FlowStats{
		{Priority: 9, Instructions: apply(of.Output{Port: 1})},
		{Priority: 8, Match: of.NewMatch(of.ConjID.Uint(5))},                                            // lower
		{Priority: 10, Match: of.NewMatch(of.EthType.Uint(ethARP), of.ConjID.Uint(5))},                  // another protocol
		{Priority: 7, Match: of.NewMatch(of.InPort.Uint(7)), Instructions: apply(of.Output{Port: 2})},   // lower
		{Priority: 7, Match: of.NewMatch(of.EthType.Uint(ethIPv4)), Instructions: apply(of.CTClear{})}}, // lower
		nil)
	u := NewUnderlay(&Host{Name: "host1", Switch: sw})
	r := u.Walk("host1", 7, Frame(strangeMAC, Broadcast).IP(strange4, strange4))
	if r.Err != nil || r.Count(Sent) != 1 || r.Ends[0].Port != 1 {
		t.Error(r.Text(Words{}))
	}
}

func TestFastFailover(t *testing.T) {
	var buckets []of.Bucket
	for port := uint32(1); port <= 3; port++ {
		b := of.NewBucket(of.Output{Port: port})
		b.WatchPort = port
		buckets = append(buckets, b)
	}
	sw := NewSwitch([]of.FlowStats{{Instructions: apply(of.Group{ID: 1})}},
		[]of.GroupDesc{{Group: 1, GroupType: of.GroupTypeFastFailover, Buckets: buckets}})
	u := NewUnderlay(&Host{Name: "host1", Switch: sw})
	for live, want := range map[uint32]string{1: "port 1 ", 3: "port 3 ", 9: "leads nowhere"} {
		sw.Port = func(n uint32) (exists, lives bool) { return true, n == live }
		r := u.Walk("host1", 7, Frame(strangeMAC, Broadcast))
		if len(r.Ends) != 1 || !strings.Contains(r.Ends[0].Text(Words{}), want) {
			t.Errorf("port %d lives: %s", live, r.Text(Words{}))
		}
	}
}

func TestAPacketThatGoesInCirclesEnds(t *testing.T) {
	bounce := func(name string, own, other uint32) *Host {
		return &Host{Name: name, VTEP: vtep(own), TunnelPorts: flows.TunnelPorts{1}, Switch: NewSwitch([]of.FlowStats{{Instructions: apply(
			of.SetField{FieldValue: of.TunDst.Addr(vtep(other))},
			of.Load{Dst: of.InPort16.All()},
			of.Output{Port: 1},
		)}}, nil)}
	}
	u := NewUnderlay(bounce("host1", 1, 2), bounce("host2", 2, 1))
	r := u.Walk("host1", 5, Frame(strangeMAC, Broadcast))
	if r.Err == nil || !strings.Contains(r.Err.Error(), "in circles") {
		t.Error(r.Text(Words{}))
	}
}

// What a field needs is said in package openflow for matches and here for
// packets: for packets of every sort both must say the same.
func TestPrerequisitesAreThoseOfMatches(t *testing.T) {
	p4, p6 := Frame(strangeMAC, Broadcast).IP(strange4, strange4), Frame(strangeMAC, Broadcast).IP(strange6, strange6)
	for _, p := range []Packet{
		Frame(strangeMAC, Broadcast).EtherType(0x88b5), Frame(strangeMAC, Broadcast).VLAN(5).EtherType(0x88b5),
		Question(strangeMAC, strange4, strange4), p4.Echo(), p4.TCP(1, 2), p4.UDP(1, 2), p4.Protocol(132), p4.UDP(1, 2).LaterFragment(),
		p6.Echo(), p6.TCP(1, 2), p6.UDP(1, 2), p6.Protocol(132), p6.Solicit(strange6, strangeMAC), p6.Advertise(strange6, strangeMAC),
		p6.ICMP(ndSolicit, 1), p6.ICMP(134, 0),
	} {
		for f, s := range slots {
			if strings.HasPrefix(f.Name, "ct_") || f == of.InPort16 || f == of.VLANTCI || f == of.IPTOS || f == of.PacketType {
				continue // of an action only, or of no packet here
			}
			var match []of.FieldValue
			for _, v := range p.Fields() {
				if v.Field != f && v.Field != of.VLANTCI {
					match = append(match, v)
				}
			}
			if p.meets(isTagged) {
				match = append(match, of.VLANVID.Uint(0x1005))
			}
			if f != of.VLANVID {
				value := make([]byte, (f.Bits+7)/8)
				p.load(f, s).put(value)
				if f == of.TunFlags {
					value = []byte{0, 0}
				}
				match = append(match, of.FieldValue{Field: f, Value: value})
			}
			err := of.NewMatch(match...).Check()
			if _, has := p.Value(f); has != (err == nil) {
				t.Errorf("%v of %v: the packet has it: %v; a match: %v", f, &p, has, err)
			}
		}
	}
}
