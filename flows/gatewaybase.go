package flows

import (
	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// GatewayBase is to networks with a gateway what [Base] is to all: a host
// without any of them does not have it.
func GatewayBase() *program.Fragment {
	b := &builder{kind: KindGatewayBase, owner: Version}
	fromHostBase(b)
	gatewayAdvert(b)
	routeBase(b)
	steerBase(b)
	ttlBase(b)
	b.drop(TableNextNetwork, 0, NoRoute)
	b.drop(TableNeighbour, 0, NoNeighbour)
	tooBigBase(b)
	natOutBase(b)
	return b.fragment()
}

// fromHostBase is the way of what the host's kernel hands in. What it hands in
// is told from what the host hands in to others in [Host.kernel].
func fromHostBase(b *builder) {
	b.drop(TableFromHost, 0, NotIP)
	b.drop(TableUnNAT, 0, NoTransit)

	// After it was translated back, it goes the way of what is addressed to
	// the gateway.
	b.drop(TableNATIn, 200, InvalidConnection, tracked(ctInvalid))
	b.flow(TableNATIn, 150, match(tracked(ctEstablished)), TableRoute, handToRouter())
	b.flow(TableNATIn, 140, match(tracked(ctRelated)), TableRoute, handToRouter())
	b.drop(TableNATIn, 0, NotForwarded)

	b.drop(TableForwardIn, 200, InvalidConnection, tracked(ctInvalid))
	b.flow(TableForwardIn, 0, nil, TableRoute, handToRouter())
}

// handToRouter makes what comes from the host look like what an endpoint
// addresses to the gateway.
func handToRouter() of.Action { return set(of.EthDst.MAC(RouterMAC)) }

func routeBase(b *builder) {
	b.drop(TableRoute, 90, NoRoute, of.EthDst.MAC(RouterMAC))
	b.flow(TableRoute, 0, nil, TableForward)
}

// natOutBase is the end of the way out: a packet is the host's now.
func natOutBase(b *builder) {
	b.drop(TableNATOut, 0, NotTranslated)
	b.drop(TableNATDone, 200, InvalidConnection, tracked(ctInvalid))
	b.drop(TableNATDone, 0, NoGatewayPort)
}
