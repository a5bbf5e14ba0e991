package controller

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/flows/walk"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/openflow"
)

// Trace says what becomes of a packet from one endpoint to another: first of
// the question for its MAC, then of the packet. Both are walked through the
// flows that the hosts should have and, where they are connected, through those
// that they have.
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
	mac    [6]byte    // of who has that, once known

	wanted, installed *walk.Underlay
	last              *walk.Result // of the packet that was sent last, as wanted
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
	t.result.To = model.TracedEndpoint{Network: sender.Network, Address: address}
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
		return nil, model.AddrFrom(a.Unmap()), nil
	}
	if t.request.Network == "" {
		return t.endpointCalled("to", t.request.To, "")
	}
	return nil, model.Addr{}, err
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

// send sends what the sender would: a question, unless there is nothing to ask,
// and, if it is answered, the packet.
func (t *trace) send(ctx context.Context) error {
	t.wanted, t.installed = t.underlays(ctx)
	own := t.sender.MAC.Bytes
	if !t.target.IsValid() {
		const localExperiment = 0x88b5 // IEEE 802, 9.2.4
		return t.sendOne(ctx, "a frame of no protocol", walk.Frame(own, t.mac).EtherType(localExperiment))
	}
	err := t.sendOne(ctx, fmt.Sprintf("who has %s?", t.target), walk.Question(own, t.source, t.target))
	if err != nil {
		return err
	}
	var answered bool
	if t.mac, answered = t.answer(); !answered {
		return nil
	}
	p := walk.Frame(own, t.mac).IP(t.source, t.target)
	const anyPort = 49152 // the first that is given to clients (RFC 6335 section 6)
	port := t.request.Port
	if port == 0 {
		port = model.DefaultTracePort
	}
	what := fmt.Sprintf("from %s to %s", t.source, t.target)
	switch t.request.Proto {
	case model.TraceARP, model.TraceND:
		return nil
	case model.TraceTCP:
		return t.sendOne(ctx, fmt.Sprintf("tcp to port %d %s", port, what), p.TCP(anyPort, uint16(port)))
	case model.TraceUDP:
		return t.sendOne(ctx, fmt.Sprintf("udp to port %d %s", port, what), p.UDP(anyPort, uint16(port)))
	}
	return t.sendOne(ctx, "a ping "+what, p.Echo())
}

// answer finds the MAC in what came back to the sender. A question that nobody
// answers for an endpoint but that reaches it, the endpoint answers itself.
func (t *trace) answer() (mac [6]byte, answered bool) {
	for _, end := range t.last.Ends {
		if end.Outcome != walk.Sent {
			continue
		}
		if end.Host == t.result.From.Host && end.Port == t.result.From.Port {
			return end.Packet.MAC(openflow.EthSrc), true
		}
		if end.Host == t.result.To.Host && end.Port == t.result.To.Port && !t.result.To.MAC.IsZero() {
			mac, answered = t.result.To.MAC.Bytes, true
		}
	}
	return mac, answered
}

// conclude says in a sentence what became of it all.
func (t *trace) conclude() {
	from, to := title(t.result.From), title(t.result.To)
	t.result.Differs = slices.ContainsFunc(t.result.Packets, func(p model.TracedPacket) bool { return p.Difference != "" })
	_, answered := t.answer()
	arrived := slices.ContainsFunc(t.last.Ends, func(e walk.End) bool {
		return e.Outcome == walk.Sent && e.Host == t.result.To.Host && e.Port == t.result.To.Port
	})
	onlyAsked := t.request.Proto == model.TraceARP || t.request.Proto == model.TraceND
	question := len(t.result.Packets) == 1 && t.target.IsValid()
	switch {
	case t.last.Err != nil:
		t.result.Verdict = fmt.Sprintf("it is not known what becomes of it: %v", t.last.Err)
	case question && onlyAsked && answered:
		t.result.Delivered = true
		t.result.Verdict = fmt.Sprintf("%s is told that %s is at %s", from, t.target, model.MACFrom(t.mac))
	case question && t.result.To.Network != t.result.From.Network:
		t.result.Verdict = fmt.Sprintf("%s does not reach %s: they are in different networks, %s and %s", from, to, t.result.From.Network, t.result.To.Network)
	case question:
		t.result.Verdict = fmt.Sprintf("%s does not reach %s: nobody says who has %s, so it sends nothing more", from, to, t.target)
	case arrived:
		t.result.Delivered = true
		t.result.Verdict = fmt.Sprintf("%s reaches %s", from, to)
	default:
		t.result.Verdict = fmt.Sprintf("%s does not reach %s: %s", from, to, t.why())
	}
	if t.result.Differs {
		t.result.Verdict += "; that is what is wanted, and not what the switches do"
	}
}

// why is how the packet ended that did not arrive.
func (t *trace) why() string {
	if len(t.last.Ends) == 0 {
		return "nothing becomes of it"
	}
	return t.last.Ends[0].Text(t.words())
}

func title(e model.TracedEndpoint) string {
	switch {
	case e.Name != "":
		return e.Name
	case e.ID != "":
		return e.ID
	}
	return e.Address.String()
}

// words are the names of what results of walks speak of.
func (t *trace) words() walk.Words {
	return walk.Words{
		Names:   openflow.Names{Table: func(id uint8) string { return flows.TableNames[int(id)] }},
		Explain: func(cookie uint64) string { return t.explain(cookie).Text },
		Port:    t.behind,
	}
}

// behind is who is behind a port of a host.
func (t *trace) behind(host string, port uint32) string {
	h := t.hostByName(host)
	if h == nil {
		return ""
	}
	for p := range each[placeRecord](t.view, tablePlace, byHost, h.SystemID) {
		if e := t.endpoint(p.Endpoint); p.Number == port && e != nil {
			return "endpoint " + e.Title()
		}
	}
	return ""
}
