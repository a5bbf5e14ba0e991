package flows

import (
	"slices"

	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// steerBase is what becomes of a packet whose gateway is chosen.
func steerBase(b *builder) {
	b.drop(TableGWPinned, 0, NoRoute)
	b.drop(TableGWSelect, 0, NoRoute)
	b.flow(TableGWPin, 0, nil, TableGWSteer)
	b.flow(TableGWSteer, 0, nil, TableMTU, move(regGateway, regHost))
	b.flow(TableGWNote, 10, match(regOrigin.Uint(fromHere)), TableTTL)
	b.flow(TableGWNote, 0, nil, TableForward)
}

// pins keep a connection on the gateway that it has, whatever happens to the
// others: the state of its translation is there and nowhere else.
func (x *exits) pins(b *builder) {
	self := x.place()
	if self >= 0 {
		b.flow(TableGWSteer, 100, match(b.network(), regGateway.Uint(uint64(x.here.Number))), TableTTL)
	}
	x.notes(b)
	if self >= 0 && x.linked && x.VNI < RelayedVNIs {
		x.name(b)
	}
	if !x.named {
		x.own(b)
		return
	}
	for i, h := range x.hosts {
		b.flow(TableGWPinned, 100, match(b.network(), tracked(0), of.CTMark.Uint(uint64(h.Number))), TableGWSelect,
			set(regPlace.Uint(uint64(i))))
		b.flow(TableGWSelect, 100, match(b.network(), regPlace.Uint(uint64(i))), last, of.Group{ID: x.group(i)})
		b.groups = append(b.groups, x.failover(i))

		b.flow(TableGWPin, 100, match(b.network(), regGateway.Uint(uint64(h.Number)), of.CTMark.Uint(uint64(h.Number))), TableGWSteer)
	}
	// A new connection: through this host if it is a gateway, else shared out
	// by what all its packets have in common.
	if self >= 0 && self < x.active {
		b.flow(TableGWPinned, 50, match(b.network()), TableGWSelect, set(regPlace.Uint(uint64(self))))
	} else {
		b.flow(TableGWPinned, 50, match(b.network()), TableGWSelect, of.Multipath{
			Fields: of.HashSymmetricL3L4UD, MaxLink: uint16(x.active - 1), Dst: regPlace.Range(0, 15),
		})
	}
	// Not what is only related to a connection, or belongs to none.
	counts := of.CTState.UintMask(ctTracked, ctTracked|ctRelated|ctInvalid)
	for _, f := range x.Gateway.families() {
		b.flow(TableGWPin, 90, match(b.network(), f.ip, counts), last, x.pin(TableGWSteer))
	}
}

// pin remembers the gateway of a connection.
func (x *exits) pin(next uint8) of.Action {
	return commit(x.Gateway.PinZone(), next, move(regGateway, of.CTMark))
}

// own is for hosts that are their own ways out: only what came in elsewhere
// goes back there.
func (x *exits) own(b *builder) {
	for _, h := range x.hosts {
		if h.Number != x.here.Number {
			b.flow(TableGWPinned, 100, match(b.network(), tracked(0), of.CTMark.Uint(uint64(h.Number))), TableGWSteer,
				set(regGateway.Uint(uint64(h.Number))))
		}
	}
	b.flow(TableGWPinned, 50, match(b.network()), TableTTL)
}

// notes remember through which gateway a connection from outside came in, so
// that its answers go back there.
func (x *exits) notes(b *builder) {
	look := track(x.Gateway.PinZone(), TableGWNote)
	note := func(f *family, origin uint64, next uint8) {
		b.flow(TableGWNote, 100, match(b.network(), f.ip, regOrigin.Uint(origin), tracked(ctNew)), last, x.pin(next))
	}
	for _, f := range x.Gateway.families() {
		note(f, fromTunnel, TableForward)
		for _, h := range x.hosts {
			via := set(regGateway.Uint(uint64(h.Number)))
			switch here := h.Number == x.here.Number; {
			case here && x.named: // from this host's own kernel: no endpoint has sent it
				b.flow(TableRoute, 135, match(b.toRouter(fromHere), f.ip, regFrom.Uint(0)), last, via, look)
				note(f, fromHere, TableTTL)
			case !here:
				b.flow(TableRoute, 95, match(b.network(), f.ip, regOrigin.Uint(fromTunnel), of.EthSrc.MAC(RouterMAC), h.tunnelSource()), last, via, look)
				if x.linked {
					b.flow(TableRoute, 95, match(b.network(), f.ip, regOrigin.Uint(fromTunnel), of.EthSrc.MAC(HostMAC(h.Number))), last,
						set(of.EthSrc.MAC(RouterMAC)), via, look)
				}
			}
		}
	}
}

// name says, where others relay it, through which gateway a packet came: they do
// not pass on the tunnel's source, but the source MAC address. The receiver puts
// the router's back.
func (x *exits) name(b *builder) {
	b.flow(TableLabel, 110, match(b.network(), of.EthSrc.MAC(RouterMAC)), TableDeliver,
		append([]of.Action{set(of.EthSrc.MAC(HostMAC(x.here.Number)))}, label()...)...)
}

func (x *exits) group(i int) uint32 { return groupGateway + uint32(i)<<24 | x.VNI }

// failover leads to the gateway in place i while it is alive, and else to the
// next one that is. It works without the controller: the ports that watch the
// gateways say which are alive.
func (x *exits) failover(i int) program.Group {
	order := []int{i}
	for k := range x.active {
		if j := (i + 1 + k) % x.active; j != i {
			order = append(order, j)
		}
	}
	for j := x.active; j < len(x.hosts); j++ {
		if j != i {
			order = append(order, j)
		}
	}
	if there := slices.DeleteFunc(slices.Clone(order), func(j int) bool { return x.cut[x.hosts[j].Number] }); len(there) > 0 {
		order = there
	}
	var buckets []of.Bucket
	for _, j := range order {
		buckets = append(buckets, x.bucket(x.hosts[j], x.here.WatchPorts[x.hosts[j].Number]))
	}
	// All seem dead: better one that is not seen alive yet than none.
	buckets = append(buckets, x.bucket(x.hosts[i], 0))
	return program.NewGroup(x.group(i), of.GroupTypeFastFailover, buckets...)
}

// bucket chooses a gateway. It cannot send the packet there as well: a commit
// in a bucket with an output is lost.
func (x *exits) bucket(h Host, watch uint32) of.Bucket {
	if watch == 0 || h.Number == x.here.Number || x.linked {
		watch = x.alwaysAlive()
	}
	bucket := of.NewBucket(set(regGateway.Uint(uint64(h.Number))), of.ResubmitTo(TableGWPin))
	bucket.WatchPort = watch
	return bucket
}

// alwaysAlive is a port to watch where nothing is: Open vSwitch wants every
// bucket of a fast failover group to watch something.
func (x *exits) alwaysAlive() uint32 {
	if port := x.here.TunnelPorts[x.Encap]; port != 0 {
		return port
	}
	return of.PortLocal
}
