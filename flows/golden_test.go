package flows

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

var update = flag.Bool("update", false, "write the golden files")

// names prints tables as `ovs-ofctl --names` does on a bridge of Weft's.
var names = openflow.Names{Table: func(t uint8) string {
	if name, ok := TableNames[int(t)]; ok {
		return name
	}
	return strconv.Itoa(int(t))
}}

// scenario is two hosts and a third without endpoints of the dual-stack
// network "red" (VNI 256); "plain" (VNI 300) is layer 2 only, and "six"
// (VNI 400) is between a host with an IPv4 and one with an IPv6 VTEP.
func scenario() *Fabric {
	f := NewFabric()
	f.PutHost(Host{Number: 1, VTEP: netip.MustParseAddr("192.0.2.1"), TunnelPorts: TunnelPorts{1}})
	f.PutHost(Host{Number: 2, VTEP: netip.MustParseAddr("192.0.2.2"), TunnelPorts: TunnelPorts{7}})
	f.PutHost(Host{Number: 3, VTEP: netip.MustParseAddr("2001:db8:ffff::3"), TunnelPorts: TunnelPorts{1}})
	f.PutNetwork(Network{VNI: 256, IPv6: true})
	f.PutNetwork(Network{VNI: 300, Flood: true})
	f.PutNetwork(Network{VNI: 400, Flood: true})
	endpoint := func(number, vni, host, port uint32, addresses ...string) Endpoint {
		e := Endpoint{Number: number, VNI: vni, Host: host, Port: port, MAC: [6]byte{2, 0x42, 0, 0, byte(vni), byte(number)}}
		for _, a := range addresses {
			e.Addresses = append(e.Addresses, netip.MustParseAddr(a))
		}
		return e
	}
	f.PutEndpoint(endpoint(1, 256, 1, 11, "10.65.10.2", "2001:db8::2"))
	f.PutEndpoint(endpoint(2, 256, 2, 12, "10.65.10.3", "2001:db8::3"))
	f.PutEndpoint(endpoint(3, 300, 1, 13))
	f.PutEndpoint(endpoint(4, 300, 2, 14))
	f.PutEndpoint(endpoint(5, 400, 1, 15))
	f.PutEndpoint(endpoint(6, 400, 3, 16))
	adopting := endpoint(7, 256, 1, 17, "10.65.10.4")
	adopting.MAC = [6]byte{}
	f.PutEndpoint(adopting)
	f.PutEndpoint(endpoint(8, 256, 0, 0, "10.65.10.5")) // nowhere
	f.Flush()
	return f
}

// everyHost calls for the program of each host in each scenario.
func everyHost(do func(name string, fragments []*program.Fragment)) {
	for name, f := range map[string]*Fabric{
		"":         scenario(),
		"single-":  single(),
		"several-": several(),
		"routed-":  routed(),
		"own-":     ownWays(),
		"nic-":     machines(),
		"mesh-":    meshed(),
	} {
		for number := range f.hosts {
			do(fmt.Sprintf("%shost%d", name, number), f.Program(number))
		}
	}
}

// text is a program as ovs-ofctl prints it, each fragment under what it is for.
func text(fragments []*program.Fragment) string {
	var b strings.Builder
	for _, f := range fragments {
		b.WriteString("# " + ExplainCookie(Cookie(Kind(f.Key.Kind), f.Key.Owner, f.Key.VNI, NoDrop)).Text + "\n")
		for _, flow := range f.Flows {
			b.WriteString(flow.Format(names) + "\n")
		}
		for _, g := range f.Groups {
			b.WriteString(g.Format(names) + "\n")
		}
	}
	return b.String()
}

// A changed golden file is a changed pipeline: think of Version.
func TestGoldenPrograms(t *testing.T) {
	everyHost(func(name string, fragments []*program.Fragment) {
		got := text(fragments)
		path := filepath.Join("testdata", name+".flows")
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
			t.Errorf("the program of %s is not that of %s; if that is meant, go test ./flows -update, and read the difference", name, path)
		}
	})
}

// Two flows of one priority that both match a packet leave it to the switch
// which of them wins.
func TestFlowsOfOnePriorityDoNotOverlap(t *testing.T) {
	everyHost(func(host string, fragments []*program.Fragment) {
		var all []program.Flow
		for _, fr := range fragments {
			all = append(all, fr.Flows...)
		}
		for i, a := range all {
			for _, b := range all[:i] {
				if a.Table() == b.Table() && a.Priority() == b.Priority() && overlap(a.Match(), b.Match()) {
					t.Errorf("%s: some packets match both\n  %s\n  %s", host, a.Format(names), b.Format(names))
				}
			}
		}
	})
}

// overlap reports whether a packet can match both.
func overlap(a, b openflow.Match) bool {
	for _, x := range a {
		i := slices.IndexFunc(b, func(y openflow.FieldValue) bool { return y.Field == x.Field })
		if i < 0 {
			continue
		}
		y := b[i]
		for j := range x.Value {
			mask := byte(0xff)
			if x.Mask != nil {
				mask &= x.Mask[j]
			}
			if y.Mask != nil {
				mask &= y.Mask[j]
			}
			if (x.Value[j]^y.Value[j])&mask != 0 {
				return false
			}
		}
	}
	return true
}

// Plain `ovs-ofctl dump-flows` speaks OpenFlow 1.0, which has no words for
// some instructions: one write_metadata fails the whole dump, the others
// vanish from it.
func TestProgramsCanBeDumpedInOpenFlow10(t *testing.T) {
	everyHost(func(host string, fragments []*program.Fragment) {
		for _, fr := range fragments {
			for _, flow := range fr.Flows {
				for _, i := range flow.Instructions() {
					switch i.(type) {
					case openflow.GotoTable, openflow.ApplyActions:
					default:
						t.Errorf("%s: instruction %T in %s", host, i, flow.Format(names))
					}
				}
			}
		}
	})
}

func TestOnlyDeliverOutputs(t *testing.T) {
	everyHost(func(host string, fragments []*program.Fragment) {
		for _, fr := range fragments {
			for _, flow := range fr.Flows {
				for _, i := range flow.Instructions() {
					actions, _ := i.(openflow.ApplyActions)
					for _, a := range actions.Actions {
						out, is := a.(openflow.Output)
						if is && flow.Table() != TableDeliver && out.Port != openflow.PortController {
							t.Errorf("%s: %s", host, flow.Format(names))
						}
					}
				}
			}
		}
	})
}

func TestEveryDropSaysWhy(t *testing.T) {
	everyHost(func(host string, fragments []*program.Fragment) {
		for _, fr := range fragments {
			for _, flow := range fr.Flows {
				_, _, _, reason := SplitCookie(flow.Cookie())
				if drops := len(flow.Instructions()) == 0; drops != (reason != NoDrop && !reason.Asks()) {
					t.Errorf("%s: reason %d on %s", host, reason, flow.Format(names))
				}
				if reason != NoDrop && reasons[reason] == "" {
					t.Errorf("reason %d has no words", reason)
				}
			}
		}
	})
}

func TestEveryTableHasANameAndAMiss(t *testing.T) {
	misses := map[uint8]bool{}
	for _, f := range slices.Concat(Base().Flows, GatewayBase().Flows, NICBase().Flows, RelayBase().Flows) {
		if f.Priority() == 0 && len(f.Match()) == 0 {
			misses[f.Table()] = true
		}
	}
	for table, name := range TableNames {
		if !misses[uint8(table)] {
			t.Errorf("table %d (%s) has no explicit miss", table, name)
		}
	}
}
