package controller

import (
	"encoding/binary"
	"net/netip"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/icmp"
	"github.com/weft-sdn/weft/openflow"
)

// tell tells the sender of a packet that was not forwarded why, if a flow gave
// the packet to the controller for that. Only the size of the answers is looked
// after here: how many there are is up to the switch's meter of packet-ins.
func (h *switchHandler) tell(p *openflow.PacketIn) {
	v := h.c.snapshot()
	n := v.networkByVNI(networkOf(p))
	sender, ok := icmp.Sender(p.Data)
	if n == nil || !ok {
		return
	}
	from, ok := n.gatewayTowards(sender)
	if !ok {
		return
	}
	var answer []byte
	var err error
	switch _, _, _, reason := flows.SplitCookie(p.Cookie); reason {
	case flows.TTLExceeded:
		answer, err = icmp.TimeExceeded(p.Data, from, flows.RouterMAC)
	case flows.PacketTooBig:
		limit, _ := v.underlayLimit()
		answer, err = icmp.TooBig(p.Data, uint16(n.carried(limit)), from, flows.RouterMAC)
	default:
		return
	}
	if err == nil {
		err = h.sw.session.PacketOut(throughRouter(n.VNI), openflow.PortController, answer)
	}
	if err != nil {
		h.c.log.Debug("the sender of a packet is not told why it was not forwarded", "network", n.Name, "sender", sender, "err", err)
	}
}

// throughRouter makes a switch treat a packet as one that somebody on it sent to
// the gateway of a network.
func throughRouter(vni uint32) []openflow.Action {
	return []openflow.Action{
		openflow.SetField{FieldValue: openflow.Metadata.Uint(uint64(vni))},
		openflow.SetField{FieldValue: openflow.EthDst.MAC(flows.RouterMAC)},
		openflow.ResubmitTo(flows.TableRoute),
	}
}

// networkOf is the network that a packet was in when it came to the controller.
func networkOf(p *openflow.PacketIn) uint32 {
	for _, f := range p.Match {
		if f.Field == openflow.Metadata && len(f.Value) == 8 {
			return uint32(binary.BigEndian.Uint64(f.Value))
		}
	}
	return 0
}

// gatewayTowards is the address that the network's gateway speaks from: the one
// in the sender's own subnet, or else one of its family.
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
	return found, found.IsValid()
}
