package controller

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/icmp"
	"github.com/weft-sdn/weft/openflow"
)

// tell tells the sender of a packet that was not forwarded why. How many are
// told is up to the switch, which meters what it gives to the controller.
func (h *switchHandler) tell(p *openflow.PacketIn, ask flows.Ask) {
	v := h.c.snapshot()
	in, sender, err := v.asker(p, ask)
	if err == nil {
		err = h.answer(v, p, ask, in, sender)
	}
	if err != nil {
		h.c.log.Debug("the sender of a packet is not told why it was not forwarded", "host", v.hostName(h.l.systemID), "vni", ask.VNI, "err", err)
	}
}

// asker is who sent a packet, and the network that it is in.
func (v view) asker(p *openflow.PacketIn, ask flows.Ask) (*networkRecord, netip.Addr, error) {
	in := v.networkByVNI(ask.VNI)
	if e := first[endpointRecord](v, tableEndpoint, byNumber, ask.From); e != nil {
		in = v.network(e.Network)
	}
	sender, ok := icmp.Sender(p.Data)
	if in == nil || !ok {
		return nil, sender, errors.New("its network is gone, or it is no IP packet")
	}
	return in, sender, nil
}

// answer sends the error from the gateway of the sender's network.
func (h *switchHandler) answer(v view, p *openflow.PacketIn, ask flows.Ask, in *networkRecord, sender netip.Addr) error {
	from, ok := in.gatewayTowards(sender)
	if !ok {
		return fmt.Errorf("network %q has no gateway address of the family of %s", in.Name, sender)
	}
	var frame []byte
	var err error
	switch ask.Reason {
	case flows.TTLExceeded:
		frame, err = icmp.TimeExceeded(p.Data, from, flows.RouterMAC)
	default:
		limit := in.MTU
		if n := v.networkByVNI(ask.VNI); n != nil {
			limit = n.carried(v.underlayLimits())
		}
		frame, err = icmp.TooBig(p.Data, uint16(limit), from, flows.RouterMAC)
	}
	if err != nil {
		return err
	}
	return h.sw.session.PacketOut(flows.Tell(in.VNI), openflow.PortController, frame)
}

// gatewayTowards is the address that the network's gateway speaks from: the one
// in the sender's own subnet, or else one of its family; of IPv6 there is always
// the link-local one.
func (n *networkRecord) gatewayTowards(sender netip.Addr) (netip.Addr, bool) {
	var found netip.Addr
	for _, a := range n.gatewayAddresses() {
		if a.Is4() != sender.Is4() {
			continue
		}
		if subnet, ok := n.SubnetOf(a.Addr); ok && subnet.Contains(sender) {
			return a.Addr, true
		}
		if !found.IsValid() {
			found = a.Addr
		}
	}
	if !found.IsValid() && sender.Is6() {
		found = flows.LinkLocal(flows.RouterMAC)
	}
	return found, found.IsValid()
}
