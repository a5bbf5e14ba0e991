package walk

import (
	"flag"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/internal/ovstest"
	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

var (
	packets          = flag.Int("traced", 500, "packets in each topology that Open vSwitch is asked about")
	tracedTopologies = flag.Uint64("traced-topologies", 4, "how many topologies Open vSwitch is asked about")
)

// TestOpenVSwitchAgrees runs random packets through the walker and through
// ofproto/trace of a real Open vSwitch that has the same programs, on a
// userspace datapath that forwards nothing. Both must take every packet through
// the same flows and send it out of the same ports, with the same changes, into
// the same tunnels.
func TestOpenVSwitchAgrees(t *testing.T) {
	o := ovstest.Start(t)
	underlay(t, o)
	first, last := uint64(1), *tracedTopologies
	if *oneSeed != 0 {
		first, last = *oneSeed, *oneSeed
	}
	verdicts := map[string]int{}
	for seed := first; seed <= last && !t.Failed(); seed++ {
		w := newWorld(seed)
		w.addNICs()
		w.build()
		if seed%2 == 1 {
			w.link()
		}
		ports := install(t, o, w)
		for n := range *packets {
			host, port, p := w.anyPacket()
			name := hostName(host.Number)
			sw := w.underlay.hosts[name].Switch
			sw.Assume = some(w, CTNew, CTEstablished, CTEstablished|CTReply, CTRelated|CTReply, CTInvalid)
			verdicts[agree(t, o, sw, ports, arrivesAt{name, port, host.TunnelPorts[flows.VXLAN]}, p)]++
			if t.Failed() {
				t.Fatalf("packet %d; replay with: go test ./flows/walk -run '^%s$' -seed %d", n, t.Name(), seed)
			}
		}
		for _, h := range w.hosts {
			o.VSCtl("del-br", hostName(h.Number))
		}
	}
	t.Logf("verdicts: %v", verdicts)
}

const underlayBridge = "phy"

// underlay makes the bridge that tunnels go through.
func underlay(t *testing.T, o *ovstest.OVS) {
	t.Helper()
	o.AddBridge(underlayBridge)
	o.VSCtl("add-port", underlayBridge, "p0", "--", "set", "interface", "p0", "type=dummy", "ofport_request=1")
	o.OFCtl("", "add-flow", underlayBridge, "actions=output:1")
	control(t, o, "netdev-dummy/ip4addr", underlayBridge, "198.18.77.200/24")
	control(t, o, "netdev-dummy/ip6addr", underlayBridge, "2001:db8:ffff::200/64")
	for n := range 5 {
		// Routes to single addresses, which win over those of the machine.
		for _, vtep := range []string{fmt.Sprintf("198.18.77.%d/32", n+1), fmt.Sprintf("2001:db8:ffff::%x/128", n+1)} {
			control(t, o, "ovs/route/add", vtep, underlayBridge)
			control(t, o, "tnl/neigh/set", underlayBridge, netip.MustParsePrefix(vtep).Addr().String(), "02:00:00:00:00:01")
		}
	}
}

func control(t *testing.T, o *ovstest.OVS, method string, args ...string) string {
	t.Helper()
	out, err := o.Control(method, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ovsPort is a port by the number that the datapath has for it.
type ovsPort struct {
	host   string
	number uint32
}

var (
	bridgeLine = regexp.MustCompile(`^ +(\S+):$`)
	portLine   = regexp.MustCompile(`^ +\S+ (\d+)/(\d+): `)
)

// install makes a bridge of each host and gives it its program.
func install(t *testing.T, o *ovstest.OVS, w *world) map[string]ovsPort {
	t.Helper()
	for _, h := range w.hosts {
		name := hostName(h.Number)
		o.AddBridge(name)
		o.OFCtl("", "set-frags", name, "nx-match")
		var args []string
		add := func(port string, settings ...string) {
			args = append(append(args, "--", "add-port", name, port, "--", "set", "interface", port), settings...)
		}
		if h.TunnelPorts[flows.VXLAN] != 0 {
			add(fmt.Sprintf("vx%d", h.Number), "type=vxlan", "options:remote_ip=flow", "options:key=flow",
				fmt.Sprintf("options:dst_port=%d", 4790+h.Number), fmt.Sprintf("ofport_request=%d", h.TunnelPorts[flows.VXLAN]))
		}
		for _, e := range w.plugged() {
			if e.Host == h.Number {
				add(fmt.Sprintf("e%d", e.Number), "type=dummy", fmt.Sprintf("ofport_request=%d", e.Port))
			}
		}
		if h.GatewayPort != 0 {
			add(fmt.Sprintf("g%d", h.Number), "type=dummy", fmt.Sprintf("ofport_request=%d", h.GatewayPort))
		}
		for _, c := range w.nics {
			if c.Host == h.Number {
				add(fmt.Sprintf("c%d", c.Number), "type=dummy", fmt.Sprintf("ofport_request=%d", c.Port))
			}
		}
		for other, port := range h.WatchPorts {
			add(fmt.Sprintf("b%d-%d", h.Number, other), "type=dummy", fmt.Sprintf("ofport_request=%d", port))
		}
		add(fmt.Sprintf("n%d", h.Number), "type=dummy", fmt.Sprintf("ofport_request=%d", nobodysPort))
		o.VSCtl(args[1:]...)
		o.OFCtl(bundle(w.fabric.Program(h.Number)), "bundle", name, "-")
	}
	return datapathPorts(t, o)
}

func datapathPorts(t *testing.T, o *ovstest.OVS) map[string]ovsPort {
	t.Helper()
	ports := map[string]ovsPort{}
	bridge := ""
	for _, line := range strings.Split(control(t, o, "dpif/show"), "\n") {
		if m := bridgeLine.FindStringSubmatch(line); m != nil {
			bridge = m[1]
		} else if m := portLine.FindStringSubmatch(line); m != nil {
			n, _ := strconv.Atoi(m[1])
			ports[m[2]] = ovsPort{bridge, uint32(n)}
		}
	}
	return ports
}

// bundle is a program as a bundle file of ovs-ofctl: groups before the flows
// that name them.
func bundle(fragments []*program.Fragment) string {
	var b strings.Builder
	for _, fr := range fragments {
		for _, g := range fr.Groups {
			// ovs-ofctl does not take the local port to watch, which a switch does.
			text := strings.ReplaceAll(fmt.Sprint(g), "watch_port:LOCAL", fmt.Sprintf("watch_port:%d", nobodysPort))
			fmt.Fprintf(&b, "group add %s\n", text)
		}
	}
	for _, fr := range fragments {
		for _, f := range fr.Flows {
			fmt.Fprintf(&b, "flow add %v\n", f)
		}
	}
	return b.String()
}

// A copy is what comes out of a switch.
type copyOut struct {
	port   uint32
	vni    uint64
	tunnel netip.Addr
	packet Packet
}

func (c copyOut) String() string {
	s := fmt.Sprintf("port %d: %v", c.port, &c.packet)
	if c.tunnel.IsValid() {
		s += fmt.Sprintf(" in VNI %d to %v", c.vni, c.tunnel)
	}
	return s
}

// arrivesAt is where a packet comes in.
type arrivesAt struct {
	host       string
	port       uint32
	tunnelPort uint32 // of that host
}

// traceState are the states of connections that a trace is told to assume.
var traceState = map[CTState]string{
	CTNew: "trk,new", CTEstablished: "trk,est", CTEstablished | CTReply: "trk,est,rpl", CTRelated | CTReply: "trk,rel,rpl", CTInvalid: "trk,inv",
}

// agree asks both about a packet, and says in a word what became of it.
func agree(t *testing.T, o *ovstest.OVS, sw *Switch, ports map[string]ovsPort, at arrivesAt, p Packet) string {
	t.Helper()
	clear(sw.connections) // of which a trace knows nothing; what it learns, it keeps
	in := p.parsed()
	in.setInPort(at.port)
	var result Result
	r := &run{sw: sw, host: at.host, p: in, record: &result}
	r.start()
	switch {
	case r.err != nil && strings.Contains(r.err.Error(), "another connection"):
		return "not compared" // a trace knows of no connections
	case r.err != nil && (strings.Contains(r.err.Error(), "a later fragment") || strings.Contains(r.err.Error(), "push_vlan")):
		return "not compared"
	case r.err != nil:
		t.Error(r.err)
		return "error"
	}
	result.Ends = r.ends

	metadata := fmt.Sprintf("in_port=%d", at.port)
	if p.Uint(of.TunID) != 0 {
		source, destination := p.Addr(of.TunSrc), p.Addr(of.TunDst)
		prefix := "tun_"
		if p.Addr(of.TunDst).IsUnspecified() {
			source, destination, prefix = p.Addr(of.TunIPv6Src), p.Addr(of.TunIPv6Dst), "tun_ipv6_"
		}
		metadata += fmt.Sprintf(",tun_id=%#x,%ssrc=%v,%sdst=%v", p.Uint(of.TunID), prefix, source, prefix, destination)
	}
	args := []string{at.host}
	for range maxRecirculations {
		args = append(args, "--ct-next", traceState[sw.Assume])
	}
	out := control(t, o, "ofproto/trace", append(args, metadata, frameHex(&p))...)

	differs := func(what string, ours, theirs any) {
		t.Errorf("%s port %d, %v: %s by the walker\n%v\nand by Open vSwitch\n%v\n\n%s\n%s", at.host, at.port, &p, what, ours, theirs, result.Text(Words{}), out)
	}
	trace, err := readTrace(out, in.sent(), ports)
	if err != nil {
		t.Errorf("%v in\n%s", err, out)
		return "error"
	}
	if ours := walkedCookies(&result); !slices.Equal(ours, trace.cookies) {
		differs("the flows taken", ours, trace.cookies)
	}
	ours := walkedCopies(&result, at.tunnelPort)
	if !slices.Equal(ours, trace.copies) {
		differs("what comes out", ours, trace.copies)
	}
	switch {
	case len(ours) == 0:
		return "dropped"
	case ours[0].port == of.PortController:
		return "to the controller"
	case len(ours) > 1:
		return "copied"
	case ours[0].tunnel.IsValid() && at.port == at.tunnelPort:
		return "relayed"
	case ours[0].tunnel.IsValid() && ours[0].packet.meets(isTagged):
		return "labelled"
	case ours[0].tunnel.IsValid():
		return "to a tunnel"
	case ours[0].port == at.port:
		return "answered"
	}
	return "to a port"
}

func walkedCookies(r *Result) (cookies []string) {
	for _, s := range r.Steps {
		if s.Flow != nil {
			cookies = append(cookies, fmt.Sprintf("%#x", s.Flow.Cookie))
		}
	}
	return cookies
}

func walkedCopies(r *Result, tunnelPort uint32) (copies []copyOut) {
	for _, e := range r.Ends {
		c := copyOut{port: e.Port, packet: e.Packet.sent()}
		switch {
		case e.Outcome == ToController:
			c.packet = Packet{} // not told by a trace
		case e.Outcome != Sent:
			continue
		case e.Port == tunnelPort && tunnelPort != 0:
			c.vni, c.tunnel = e.Packet.Uint(of.TunID), tunnelTarget(&e.Packet)
			if c.tunnel == tunnelTarget(&Packet{}) {
				continue // see Underlay.cross
			}
		}
		copies = append(copies, c)
	}
	return copies
}
