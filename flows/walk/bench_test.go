package walk

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/weft-sdn/weft/flows"
)

// site is a fabric with two hosts and a network on both of so many endpoints.
func site(networks, endpoints int) (*flows.Fabric, []flows.Endpoint) {
	f := flows.NewFabric()
	var all []flows.Endpoint
	for n := range uint32(2) {
		f.PutHost(flows.Host{Number: n + 1, VTEP: netip.AddrFrom4([4]byte{198, 18, 77, byte(n + 1)}), TunnelPorts: flows.TunnelPorts{1}})
	}
	for n := range networks {
		vni := uint32(100 + n)
		f.PutNetwork(flows.Network{VNI: vni, IPv6: true})
		for i := range endpoints {
			number := uint32(len(all) + 1)
			e := flows.Endpoint{Number: number, VNI: vni, Host: number%2 + 1, Port: 10 + number, MAC: [6]byte{2, 0, 0, 0, byte(i >> 8), byte(i)}}
			e.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1))}
			f.PutEndpoint(e)
			all = append(all, e)
		}
	}
	f.Flush()
	return f, all
}

func connect(f *flows.Fabric) (u *Underlay, rules int) {
	u = NewUnderlay()
	for n := range uint32(2) {
		fragments := f.Program(n + 1)
		for _, fr := range fragments {
			rules += len(fr.Flows)
		}
		u.Add(&Host{Name: hostName(n + 1), VTEP: netip.AddrFrom4([4]byte{198, 18, 77, byte(n + 1)}), TunnelPorts: flows.TunnelPorts{1}, Switch: FromProgram(fragments)})
	}
	return u, rules / 2
}

func BenchmarkWalk(b *testing.B) {
	for _, size := range []struct{ networks, endpoints int }{{1, 10}, {10, 200}, {10, 1000}} {
		f, all := site(size.networks, size.endpoints)
		u, rules := connect(f)
		from, to := all[0], all[1]
		unicast := Frame(from.MAC, to.MAC).IP(from.Addresses[0], to.Addresses[0]).TCP(40000, 80)
		question := Question(from.MAC, from.Addresses[1], to.Addresses[1])
		for name, p := range map[string]Packet{"unicast": unicast, "question": question} {
			b.Run(fmt.Sprintf("%s/flows=%d", name, rules), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if r := u.Walk(hostName(from.Host), from.Port, p); r.Count(Sent) != 1 {
						b.Fatal(r.Text(Words{}))
					}
				}
			})
		}
	}
}

func BenchmarkNewSwitch(b *testing.B) {
	f, _ := site(10, 500)
	fragments := f.Program(1)
	b.ReportAllocs()
	for b.Loop() {
		FromProgram(fragments)
	}
}
