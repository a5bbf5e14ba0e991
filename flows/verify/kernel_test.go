package verify

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/openflow/program"
)

// leaving is two hosts, of which the second is the way out of a network that
// routes (256) and of one that translates (300), each with an endpoint on the
// first.
func leaving() *topology {
	transit := flows.TransitRange{V4: netip.MustParsePrefix("100.64.0.0/10")}
	f := Facts{Hosts: []Host{hostOf(1, "192.0.2.1", 1), hostOf(2, "192.0.2.2", 1)}}
	for i := range f.Hosts {
		h := &f.Hosts[i]
		h.TransitRange, h.GatewayPort = transit, 100
		h.Transit.V4 = netip.AddrFrom4([4]byte{100, 64, 0, byte(h.Number)})
	}
	for i, mode := range []flows.Mode{flows.Routed, flows.SNAT} {
		vni := uint32(256 + 44*i)
		f.Networks = append(f.Networks, flows.Network{VNI: vni, Gateway: &flows.Gateway{
			Mode: mode, Limit: 1450, Zone: uint16(i + 1), Hosts: []flows.Exit{{Host: 2}},
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 65, byte(i), 254})},
			Subnets:   []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 65, byte(i), 0}), 24)},
		}})
		e := flows.Endpoint{Number: uint32(i + 1), VNI: vni, Host: 1, Port: uint32(11 + i), MAC: [6]byte{2, 0x42, 0, 0, 0, byte(i + 1)},
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 65, byte(i), 1})}}
		if mode == flows.SNAT {
			e.Transit.V4 = netip.AddrFrom4([4]byte{100, 65, 0, byte(i + 1)})
		}
		f.Endpoints = append(f.Endpoints, e)
	}
	return newTopology(f)
}

// What a flow of the pipeline is for is seen when it is not there.
func TestWhatIsMissingOnAWayOutIsFound(t *testing.T) {
	if r := check(t, leaving().Facts); !r.Proved() || r.Exits != 2 || r.Pairs != 0 {
		t.Fatalf("%+v", r)
	}
	for _, c := range []struct {
		without string // part of the flow
		kind    Kind
		says    string
	}{
		{"table=5, priority=180", Leak, "an address of network VNI 256"},
		{"table=5, priority=190", Leak, "a transit address"},
		{"table=40, priority=100,ip,reg1=0,metadata=0x100", Lost, "a packet to the world outside does not leave"},
		{"table=40, priority=300", Lost, "a packet to the world outside does not leave"},
		{"table=77, priority=100", Lost, "a packet to the world outside does not leave"},
		{"table=47, priority=100,ip,metadata=0x100", Lost, "a packet to the world outside does not leave"},
		{"table=46, priority=100,ip ", Lost, "a packet to the world outside does not leave"},
		{"table=20, priority=100,arp,metadata=0x100,arp_tpa=10.65.0.254", Lost, "the ARP question for the gateway is not answered"},
		{"table=40, priority=200,icmp,reg1=0,metadata=0x100", Lost, "a ping for the gateway is not answered"},
	} {
		facts, removed := leaving().Facts, 0
		for i := range facts.Hosts {
			for k, fr := range facts.Hosts[i].Program {
				kept := &program.Fragment{Key: fr.Key, Groups: fr.Groups}
				for _, fl := range fr.Flows {
					if strings.Contains(fl.String(), c.without) {
						removed++
						continue
					}
					kept.Flows = append(kept.Flows, fl)
				}
				facts.Hosts[i].Program[k] = kept
			}
		}
		r := check(t, facts)
		if removed == 0 || !slices.ContainsFunc(r.Findings, func(g Finding) bool { return g.Kind == c.kind && strings.Contains(g.Why, c.says) }) {
			t.Errorf("without %d flows %q: %v", removed, c.without, r.Findings)
		}
	}
}

// What leaves as somebody else is not what is wanted.
func TestATranslationToAnotherAddressIsFound(t *testing.T) {
	facts := leaving().Facts
	other := leaving()
	e := facts.Endpoints[1]
	e.Transit.V4 = netip.MustParseAddr("100.65.0.77")
	other.PutEndpoint(e)
	other.Flush()
	facts.Hosts[1].Program = other.Fabric.Program(2)
	r := check(t, facts)
	if r.Proved() || !strings.Contains(r.Findings[0].Why, "not as from its sender's transit address") {
		t.Errorf("%v", r.Findings)
	}
}
