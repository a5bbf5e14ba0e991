package controller

import (
	"context"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/flows/walk"
	"github.com/weft-sdn/weft/model"
)

// Trace says what becomes of a packet from one endpoint to another, or to an
// address outside: first of the question for the MAC of who is next on the way,
// then of the packet and, if it leaves, of its answer. All are walked through
// the flows that the hosts should have and, where they are connected, through
// those that they have.
func (c *Controller) Trace(ctx context.Context, request model.TraceRequest) (model.TraceResult, error) {
	if err := request.Check(); err != nil {
		return model.TraceResult{}, err
	}
	t := &trace{c: c, view: c.snapshot(), request: request}
	if err := t.resolve(); err != nil {
		return model.TraceResult{}, err
	}
	if err := t.send(ctx); err != nil {
		return model.TraceResult{}, err
	}
	t.conclude()
	return t.result, nil
}

// trace is a trace in the making.
type trace struct {
	view
	c       *Controller
	request model.TraceRequest
	result  model.TraceResult

	sender *endpointRecord
	source netip.Addr // what it sends from; none at layer 2
	target netip.Addr // what it sends to
	next   netip.Addr // whose MAC it asks for: the target's, or the gateway's
	mac    [6]byte    // of who has that, once known

	wanted, installed *walk.Underlay
	// What became, as wanted, of the question, of the packet, and of the answer
	// from outside; nil where none was sent.
	asked, sent, back *walk.Result
}

// resolve finds who sends and who is to receive.
func (t *trace) resolve() error {
	sender, _, err := t.endpointCalled("from", t.request.From, t.request.Network)
	if err != nil {
		return err
	}
	receiver, address, err := t.receiver(sender)
	if err != nil {
		return err
	}
	t.sender = sender
	t.result.From = t.traced(sender)
	t.result.To = model.TracedEndpoint{Network: t.networkOf(sender, address), Address: address}
	if receiver != nil {
		t.result.To = t.traced(receiver)
	}
	switch {
	case t.result.From.Host == "":
		return model.Errorf(model.Conflict, "from", "endpoint %q is on no host, so it cannot send: no port has its iface-id (GET /hosts/{name}/ports lists those that fit nobody)", sender.ID)
	case t.result.From.Port == 0:
		return model.Errorf(model.Conflict, "from", "the port of endpoint %q is not known while host %s is away", sender.ID, t.result.From.Host)
	case sender.MAC.IsZero():
		return model.Errorf(model.Conflict, "from", "the MAC of endpoint %q is not known yet: it is adopted from the first frame that it sends, until which it may send nothing", sender.ID)
	}
	return t.chooseAddresses(receiver, address)
}

// receiver finds who is called that: an endpoint, in the sender's network
// rather than in another, or an address that nobody has.
func (t *trace) receiver(sender *endpointRecord) (*endpointRecord, model.Addr, error) {
	network := t.request.Network
	if network == "" {
		network = sender.Network
	}
	e, address, err := t.endpointCalled("to", t.request.To, network)
	if err == nil {
		return e, address, nil
	}
	if a, wrong := netip.ParseAddr(t.request.To); wrong == nil && a.Zone() == "" {
		address := model.AddrFrom(a.Unmap())
		return first[endpointRecord](t.view, tableEndpoint, byAddress, t.networkOf(sender, address), address.String()), address, nil
	}
	if t.request.Network == "" {
		return t.endpointCalled("to", t.request.To, "")
	}
	return nil, model.Addr{}, err
}

// networkOf is the network that an address is in for a sender: its own, or one
// that its router leads to; empty if it is in none of those.
func (t *trace) networkOf(sender *endpointRecord, a model.Addr) string {
	own := t.network(sender.Network)
	if !a.IsValid() || len(own.Subnets) == 0 || own.contains(a.Addr) {
		return own.Name
	}
	for _, vni := range t.peersOf(own.Name) {
		if n := t.networkByVNI(vni); own.GatewayMode() != model.GatewayNone && n.GatewayMode() != model.GatewayNone && n.contains(a.Addr) {
			return n.Name
		}
	}
	return ""
}

// contains is whether an address is in a subnet of the network.
func (n *networkRecord) contains(a netip.Addr) bool {
	return slices.ContainsFunc(n.Subnets, func(p model.Prefix) bool { return p.Contains(a) })
}

// endpointCalled finds an endpoint by its id, its name or an address of its. An
// address stays the one that was asked for.
func (t *trace) endpointCalled(field, said, network string) (*endpointRecord, model.Addr, error) {
	if network != "" && t.network(network) == nil {
		return nil, model.Addr{}, model.Errorf(model.NotFound, "network", "there is no network %q: GET /networks lists them", network)
	}
	if e := t.endpoint(said); e != nil && (network == "" || e.Network == network) {
		return e, model.Addr{}, nil
	}
	var address model.Addr
	if a, err := netip.ParseAddr(said); err == nil {
		address = model.AddrFrom(a.Unmap())
	}
	var found []*endpointRecord
	for n := range all[networkRecord](t.view, tableNetwork) {
		if network != "" && n.Name != network {
			continue
		}
		if e := first[endpointRecord](t.view, tableEndpoint, byName, n.Name, said); e != nil {
			found = append(found, e)
		}
		if address.IsValid() {
			if e := first[endpointRecord](t.view, tableEndpoint, byAddress, n.Name, address.String()); e != nil {
				found = append(found, e)
			}
		}
	}
	switch len(found) {
	case 0:
		return nil, address, model.Errorf(model.NotFound, field, "there is no endpoint with the id, name or address %q: GET /endpoints lists them", said)
	case 1:
		return found[0], address, nil
	}
	return nil, address, model.Invalidf(field, "several networks have an endpoint %q (%s and %s): give network too", said, found[0].Network, found[1].Network)
}

func (t *trace) traced(e *endpointRecord) model.TracedEndpoint {
	p := t.place(e.ID)
	return model.TracedEndpoint{
		ID: e.ID, Name: e.Name, Network: e.Network, MAC: e.MAC,
		Host: t.hostName(p.Host), Port: p.Number,
	}
}

// chooseAddresses settles from where to where the packet goes: to the address
// that was asked for, else to the first one that both can speak to each other
// with. Endpoints without addresses speak at layer 2.
func (t *trace) chooseAddresses(receiver *endpointRecord, asked model.Addr) error {
	targets := []netip.Addr{asked.Addr}
	if !asked.IsValid() && receiver != nil {
		targets = nil
		for _, a := range receiver.Addresses {
			targets = append(targets, a.Addr)
		}
	}
	for _, target := range targets {
		for _, own := range t.sender.Addresses {
			if own.Is4() == target.Is4() && t.speaks(target) {
				t.source, t.target = own.Addr, target
				t.result.From.Address, t.result.To.Address = own, model.AddrFrom(target)
				return nil
			}
		}
	}
	if t.request.Proto == "" && receiver != nil && !asked.IsValid() && (len(receiver.Addresses) == 0 || len(t.sender.Addresses) == 0) {
		t.mac = receiver.MAC.Bytes
		if receiver.MAC.IsZero() {
			return model.Errorf(model.Conflict, "to", "endpoint %q has neither an address nor, yet, a MAC to send to", receiver.ID)
		}
		return nil
	}
	what := "addresses of one family"
	switch t.request.Proto {
	case model.TraceARP:
		what = "IPv4 addresses"
	case model.TraceND:
		what = "IPv6 addresses"
	}
	return model.Errorf(model.Conflict, "to", "%q and %q do not both have %s, which this takes", t.request.From, t.request.To, what)
}

// speaks is whether the protocol that was asked for can speak to an address.
func (t *trace) speaks(to netip.Addr) bool {
	switch t.request.Proto {
	case model.TraceARP:
		return to.Is4()
	case model.TraceND:
		return to.Is6()
	}
	return true
}
