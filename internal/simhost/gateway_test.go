package simhost

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/ovsdb"
)

// watching is a bucket that is used while a port is alive.
func watching(port uint32, as ...of.Action) of.Bucket {
	b := of.NewBucket(as...)
	b.WatchPort = port
	return b
}

func groupWith(id uint32, t of.GroupType, buckets ...of.Bucket) *of.GroupMod {
	return &of.GroupMod{Command: of.GroupAddOrModify, GroupType: t, Group: id, Buckets: buckets}
}

func TestWhatGatewaysNeedIsTakenAsByARealOne(t *testing.T) {
	ip, ip6 := of.EthType.Uint(0x0800), of.EthType.Uint(0x86dd)
	icmp := []of.FieldValue{ip, of.IPProto.Uint(1)}
	address, address6 := netip.MustParseAddr("100.65.0.7"), netip.MustParseAddr("fd77::7")
	track := func(nested ...of.Action) of.Action {
		return of.CT{Flags: of.CTCommit, Zone: 7, Table: 78, Nested: nested}
	}
	mark := of.Load{Dst: of.CTMark.All(), Value: 3}
	onBoth(t, func(t *testing.T, c *controlled) []string {
		db := c.database()
		await(t, db, "the tunnel's number", hasPort("weft-vxlan"))
		s := c.speak()
		s.try("nothing")
		s.said = nil // a real switch may say first what its ports are
		learn := of.Learn{IdleTimeout: 300, Priority: 100, Cookie: 0x4c << 56, Table: 61, Specs: []of.LearnSpec{
			{Kind: of.LearnMatch, Bits: 64, Src: of.Metadata.All(), Dst: of.Metadata.All()},
			{Kind: of.LearnMatch, Bits: 48, Src: of.EthSrc.All(), Dst: of.EthDst.All()},
			{Kind: of.LearnLoad, Bits: 16, Src: of.InPort.Range(0, 15), Dst: of.Reg[0].Range(0, 15)},
		}}
		learnIP := learn
		learnIP.Specs = append([]of.LearnSpec{{Kind: of.LearnMatch, Bits: 32, Src: of.IPv4Src.All(), Dst: of.IPv4Dst.All()}}, learn.Specs...)
		multipath := of.Multipath{Fields: of.HashSymmetricL3L4UD, MaxLink: 1, Dst: of.Reg[6].All()}
		flow := func(what string, m of.Match, as ...of.Action) {
			s.try(what, add(40, 100, of.NewMatch(append(m, of.Metadata.Uint(uint64(len(s.said))))...), apply(as...)))
		}
		s.try("fast failover", groupWith(1, of.GroupTypeFastFailover, watching(1, of.Load{Dst: of.Reg[2].All(), Value: 1}, of.ResubmitTo(43)), watching(2, of.ResubmitTo(43))))
		s.try("a bucket that is always alive", groupWith(2, of.GroupTypeFastFailover, watching(of.PortLocal, of.ResubmitTo(43))))
		s.try("a bucket that watches nothing", groupWith(3, of.GroupTypeFastFailover, of.NewBucket(of.ResubmitTo(43))))
		s.try("a bucket that watches a port that cannot be", groupWith(4, of.GroupTypeFastFailover, watching(0xffffff01)))
		s.try("a bucket that watches a port that is not there", groupWith(4, of.GroupTypeFastFailover, watching(4711)))
		s.try("a group for all that watches", groupWith(5, of.GroupTypeAll, watching(1, of.ResubmitTo(43))))
		s.try("select", groupWith(6, of.GroupTypeSelect, watching(1, of.ResubmitTo(43)), of.NewBucket(of.ResubmitTo(43))))
		s.try("indirect", groupWith(7, of.GroupTypeIndirect, of.NewBucket(of.ResubmitTo(43))), groupWith(8, of.GroupTypeIndirect), groupWith(8, of.GroupTypeIndirect, of.NewBucket(), of.NewBucket()))
		s.try("no such type", groupWith(9, 4))
		s.flows("with groups")

		flow("track", of.Match{ip}, of.CT{Zone: 7, Table: 41})
		flow("track IPv6", of.Match{ip6}, of.CT{Zone: 7, Table: 41})
		flow("track anything", nil, of.CT{Zone: 7, Table: 41})
		flow("track ARP", of.Match{of.EthType.Uint(0x0806)}, of.CT{Zone: 7, Table: 41})
		flow("track in a zone of a register", of.Match{ip}, of.CT{ZoneFrom: of.Reg[11].Range(0, 15), Table: 41})
		flow("force without commit", of.Match{ip}, of.CT{Flags: of.CTForce, Zone: 7, Table: 41})
		flow("translate a source", of.Match{ip}, track(of.NAT{Flags: of.NATSrc, Min: address}))
		flow("translate a destination", of.Match{ip6}, track(of.NAT{Flags: of.NATDst, Min: address6}))
		flow("translate both ways", of.Match{ip}, track(of.NAT{Flags: of.NATSrc | of.NATDst, Min: address}))
		flow("translate to the other family", of.Match{ip}, track(of.NAT{Flags: of.NATSrc, Min: address6}))
		flow("translate back", of.Match{ip}, of.CT{Zone: 7, Table: 41, Nested: []of.Action{of.NAT{}}})
		flow("translate without commit", of.Match{ip}, of.CT{Zone: 7, Table: 41, Nested: []of.Action{of.NAT{Flags: of.NATSrc, Min: address}}})
		flow("translate untracked", of.Match{ip}, of.NAT{Flags: of.NATSrc, Min: address})
		flow("mark", of.Match{ip}, track(mark))
		flow("mark by a move", of.Match{ip}, track(of.Move{Src: of.Reg[2].All(), Dst: of.CTMark.All()}))
		flow("mark without commit", of.Match{ip}, of.CT{Zone: 7, Table: 41, Nested: []of.Action{mark}})
		flow("mark untracked", of.Match{ip}, mark)
		flow("output when tracked", of.Match{ip}, track(of.Output{Port: 1}))
		flow("tracked twice", of.Match{ip}, track(track()))
		flow("state", of.Match{ip, of.CTState.UintMask(0x21, 0x21), of.CTMark.Uint(3)})
		flow("state of anything", of.Match{of.CTState.UintMask(0x21, 0x21)})
		flow("a state that is not", of.Match{ip, of.CTState.UintMask(0x800, 0x800)})
		flow("a state that contradicts itself", of.Match{ip, of.CTState.UintMask(0x01, 0x21)})
		flow("unset a zone", of.Match{ip}, of.CTClear{})

		flow("TTL", of.Match{ip}, of.DecTTL{})
		flow("TTL of anything", nil, of.DecTTL{})
		flow("TTL of ARP", of.Match{of.EthType.Uint(0x0806)}, of.DecTTL{})
		flow("an expired TTL", of.Match{ip, of.IPTTL.Uint(1)}, of.Controller{MaxLen: 128, Reason: of.ReasonAction})
		flow("an answer to an echo", append(of.Match{of.ICMPv4Type.Uint(8)}, icmp...), of.Move{Src: of.IPv4Src.All(), Dst: of.IPv4Dst.All()}, of.Load{Dst: of.ICMPv4Type.All()}, of.Load{Dst: of.IPTTL.All(), Value: 64})
		flow("an ICMP type of UDP", of.Match{ip, of.IPProto.Uint(17)}, of.Load{Dst: of.ICMPv4Type.All()})
		flow("how large", nil, of.CheckPktLarger{Len: 1464, Dst: of.Reg[10].Range(0, 0)})
		flow("one of two", of.Match{ip}, multipath)
		multipath.Dst = of.Reg[6].Range(0, 7)
		flow("one of two into a byte", of.Match{ip}, multipath)
		multipath.MaxLink = 256
		flow("one of 257 into a byte", of.Match{ip}, multipath)
		multipath.Dst = of.IPv4Src.All()
		flow("one of 257 into an address of anything", nil, multipath)
		flow("learn", nil, learn)
		flow("learn addresses", of.Match{ip}, learnIP)
		flow("learn addresses of anything", nil, learnIP)
		learnIP.Specs = append([]of.LearnSpec{{Kind: of.LearnMatch, Bits: 16, Value: []byte{8, 0}, Dst: of.EthType.All()}}, learnIP.Specs...)
		flow("learn addresses of IP", of.Match{ip}, learnIP)
		learn.Table = 255
		flow("learn into all tables", nil, learn)
		learn.Table, learn.Specs = 61, []of.LearnSpec{{Kind: of.LearnMatch, Bits: 32, Src: of.IPv4Src.All(), Dst: of.IPv4Dst.All()}}
		flow("learn what needs another", of.Match{ip}, learn)
		s.flows("in the end")
		return s.said
	})
}

// isAsAsked tells whether MAC and MTU are those that were asked for, which takes
// ovs-vswitchd its time.
func isAsAsked(w ovsdb.WantedPort) func(*ovsdb.View) bool {
	return func(v *ovsdb.View) bool {
		return slices.ContainsFunc(v.Ports, func(p ovsdb.Port) bool {
			i := p.Interfaces[0]
			return p.Name == w.Name && (w.MAC == "" || i.MACInUse == w.MAC) && (w.MTURequest == 0 || i.MTU == w.MTURequest)
		})
	}
}

func TestPortsOfGatewaysAreInTheDatabaseAsInARealOne(t *testing.T) {
	describe := func(p ovsdb.Port) string {
		i := p.Interfaces[0]
		return fmt.Sprintf("%s %s mac %q in use %v, mtu %d of %d, bfd %v, %v, %s", i.Name, i.Type, i.MAC, i.MACInUse == i.MAC, i.MTU, i.MTURequest, i.BFD, i.ExternalIDs, i.LinkState)
	}
	onBoth(t, func(t *testing.T, c *controlled) []string {
		db := c.database()
		await(t, db, "the tunnel's number", hasPort("weft-vxlan"))
		var said []string
		ensure := func(what string, ports ...ovsdb.WantedPort) {
			w := c.wanted()
			w.Ports = append(w.Ports, ports...)
			changed, err := db.Ensure(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := db.WaitApplied(ctx); err != nil {
				t.Fatal(err)
			}
			v := await(t, db, what, func(v *ovsdb.View) bool {
				return len(v.Ports) == 2+len(ports) && !slices.ContainsFunc(ports, func(p ovsdb.WantedPort) bool { return !hasPort(p.Name)(v) || !isAsAsked(p)(v) })
			})
			said = append(said, fmt.Sprintf("%s: %v", what, changed))
			for _, p := range v.Ports {
				if slices.ContainsFunc(ports, func(w ovsdb.WantedPort) bool { return w.Name == p.Name }) {
					said = append(said, describe(p))
				}
			}
		}
		gateway := ovsdb.WantedPort{Name: "weft-gw", Type: "internal", MAC: "02:77:65:67:00:01", MTURequest: 1450, ExternalIDs: map[string]string{"weft-address": "100.64.0.1/32"}}
		probe := ovsdb.WantedPort{Name: "weft-bfd-2", Type: "vxlan", Options: map[string]string{"remote_ip": "198.18.0.2", "key": "16777215"},
			BFD: map[string]string{"enable": "true", "min_tx": "100", "min_rx": "100", "mult": "3"}}
		ensure("both", gateway, probe)
		ensure("again", gateway, probe)
		gateway.MTURequest, gateway.ExternalIDs = 1400, map[string]string{"weft-routes": "10.0.1.0/24"}
		probe.BFD = map[string]string{"enable": "true", "min_tx": "100", "min_rx": "100", "mult": "3", "cpath_down": "true"}
		ensure("others", gateway, probe)
		ensure("one", gateway)
		ensure("none")
		return said
	})
}
