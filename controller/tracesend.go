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

// send sends what the sender would: a question, unless there is nothing to ask,
// and, if it is answered, the packet. What leaves is answered from outside.
func (t *trace) send(ctx context.Context) (err error) {
	t.wanted, t.installed = t.underlays(ctx)
	own := t.sender.MAC.Bytes
	if !t.target.IsValid() {
		const localExperiment = 0x88b5 // IEEE 802, 9.2.4
		t.sent, err = t.sendOne(ctx, "a frame of no protocol", walk.Frame(own, t.mac).EtherType(localExperiment))
		return err
	}
	t.next = t.nextHop()
	t.asked, err = t.sendOne(ctx, fmt.Sprintf("who has %s?", t.next), walk.Question(own, t.source, t.next))
	if err != nil {
		return err
	}
	var answered bool
	if t.mac, answered = t.answer(); !answered || t.onlyAsks() {
		return nil
	}
	what, p := t.packet(walk.Frame(own, t.mac).IP(t.source, t.target))
	if t.sent, err = t.sendOne(ctx, what, p); err != nil {
		return err
	}
	if end := t.left(); end != nil {
		t.back, err = t.walk(ctx, fmt.Sprintf("the answer of %s, as the kernel of host %s hands it in", t.target, end.Host),
			end.Host, end.Port, end.Packet.Answer())
	}
	return err
}

// nextHop is whom the sender asks for: the target itself where it is in one of
// the network's subnets, and else the gateway, if there is one.
func (t *trace) nextHop() netip.Addr {
	n := t.network(t.sender.Network)
	if n.GatewayMode() == model.GatewayNone || n.contains(t.target) {
		return t.target
	}
	for _, a := range n.gatewayAddresses() {
		if a.Is4() == t.target.Is4() {
			return a.Addr
		}
	}
	return t.target
}

// onlyAsks is whether it is the question alone that was asked for.
func (t *trace) onlyAsks() bool {
	return t.request.Proto == model.TraceARP || t.request.Proto == model.TraceND
}

// packet puts what was asked for into an IP packet, and says what that is.
func (t *trace) packet(p walk.Packet) (string, walk.Packet) {
	const anyPort = 49152 // the first that is given to clients (RFC 6335 section 6)
	port := t.request.Port
	if port == 0 {
		port = model.DefaultTracePort
	}
	what := fmt.Sprintf("from %s to %s", t.source, t.target)
	switch t.request.Proto {
	case model.TraceTCP:
		return fmt.Sprintf("tcp to port %d %s", port, what), p.TCP(anyPort, uint16(port))
	case model.TraceUDP:
		return fmt.Sprintf("udp to port %d %s", port, what), p.UDP(anyPort, uint16(port))
	}
	return "a ping " + what, p.Echo()
}

// answer finds the MAC in what came back to the sender. A question that nobody
// answers for an endpoint but that reaches it, the endpoint answers itself.
func (t *trace) answer() (mac [6]byte, answered bool) {
	for _, end := range t.asked.Ends {
		switch {
		case t.at(&end, t.result.From):
			return end.Packet.MAC(openflow.EthSrc), true
		case t.at(&end, t.result.To) && !t.result.To.MAC.IsZero():
			mac, answered = t.result.To.MAC.Bytes, true
		}
	}
	return mac, answered
}

// at is whether a packet came out at an endpoint.
func (t *trace) at(end *walk.End, e model.TracedEndpoint) bool {
	return end.Outcome == walk.Sent && end.Host == e.Host && end.Port == e.Port
}

// arrives is whether a packet came out at an endpoint, among others perhaps.
func (t *trace) arrives(r *walk.Result, e model.TracedEndpoint) bool {
	return r != nil && slices.ContainsFunc(r.Ends, func(end walk.End) bool { return t.at(&end, e) })
}

// left is where the packet left through a kernel, nil if it did not.
func (t *trace) left() *walk.End {
	i := slices.IndexFunc(t.sent.Ends, func(end walk.End) bool { return end.Outcome == walk.ToKernel })
	if i < 0 {
		return nil
	}
	return &t.sent.Ends[i]
}

// conclude says in a sentence what became of it all.
func (t *trace) conclude() {
	t.result.Differs = slices.ContainsFunc(t.result.Packets, func(p model.TracedPacket) bool { return p.Difference != "" })
	for _, r := range []*walk.Result{t.asked, t.sent, t.back} {
		if r != nil && r.Err != nil {
			t.result.Verdict = fmt.Sprintf("it is not known what becomes of it: %v", r.Err)
		}
	}
	switch {
	case t.result.Verdict != "":
	case t.sent == nil:
		t.result.Delivered, t.result.Verdict = t.concludeQuestion()
	default:
		t.result.Delivered, t.result.Verdict = t.concludePacket()
	}
	if t.result.Differs {
		t.result.Verdict += "; that is what is wanted, and not what the switches do"
	}
}

// concludeQuestion is for a question after which no packet was sent.
func (t *trace) concludeQuestion() (delivered bool, verdict string) {
	from, to := t.result.From, t.result.To
	not := fmt.Sprintf("%s does not reach %s: ", title(from), title(to))
	switch _, answered := t.answer(); {
	case answered:
		return true, fmt.Sprintf("%s is told that %s is at %s", title(from), t.next, model.MACFrom(t.mac))
	case t.next != t.target:
		return false, not + fmt.Sprintf("nobody answers for the gateway %s", t.next)
	case to.Network == "":
		return false, not + fmt.Sprintf("%s is in no subnet of network %s, which has no gateway", t.target, from.Network)
	case to.Network != from.Network:
		return false, not + fmt.Sprintf("they are in different networks, %s and %s", from.Network, to.Network)
	}
	return false, not + fmt.Sprintf("nobody says who has %s, so it sends nothing more", t.target)
}

func (t *trace) concludePacket() (delivered bool, verdict string) {
	from, to := t.result.From, t.result.To
	not := fmt.Sprintf("%s does not reach %s: ", title(from), title(to))
	end := t.left()
	switch {
	case t.arrives(t.sent, to):
		return true, fmt.Sprintf("%s reaches %s", title(from), title(to))
	case t.arrives(t.sent, from):
		return true, fmt.Sprintf("%s reaches the gateway, which answers for %s", title(from), t.target)
	case end == nil:
		return false, not + t.why(t.sent)
	case to.ID != "":
		return false, not + fmt.Sprintf("they are in networks that are on no common router, %s and %s; what is sent to %s %s", from.Network, to.Network, t.target, t.leaves(end))
	case !t.arrives(t.back, from):
		return false, fmt.Sprintf("%s sends to %s: that %s; but the answer does not come back: %s", title(from), t.target, t.leaves(end), t.why(t.back))
	}
	return true, fmt.Sprintf("%s reaches the world outside: what is sent to %s %s, and what is answered comes back", title(from), t.target, t.leaves(end))
}

// leaves says how a packet left.
func (t *trace) leaves(end *walk.End) string {
	s := fmt.Sprintf("leaves through the kernel of host %s", end.Host)
	source := end.Packet.Addr(openflow.IPv4Src)
	if !source.IsValid() {
		source = end.Packet.Addr(openflow.IPv6Src)
	}
	if source == t.source {
		return s + fmt.Sprintf(" as from %s", source)
	}
	return s + fmt.Sprintf(" as from %s, translated from %s", source, t.source)
}

// why is how a packet ended that did not arrive.
func (t *trace) why(r *walk.Result) string {
	if len(r.Ends) == 0 {
		return "nothing becomes of it"
	}
	return r.Ends[0].Text(t.words())
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
	for n := range t.nicsOf(h.SystemID) {
		if t.fabricNIC(n).Port == port {
			return fmt.Sprintf("NIC %s, in network %s", n.Interface, n.Network)
		}
	}
	return ""
}
