package lab

import (
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// CutFrom drops every packet between two hosts, and none else. Tunnel packets
// of the userspace datapath never pass the hosts' own filters, so the cut is
// made where the hosts' cables enter the underlay.
func (h *Host) CutFrom(other *Host) error {
	return h.lab.namespace(routerName).nft(func(c *nftables.Conn) {
		table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyNetdev, Name: cutBetween(h, other)})
		for _, way := range []struct{ from, to *Host }{{h, other}, {other, h}} {
			device := interfaceName(plugPrefix, way.from.Name)
			chain := c.AddChain(&nftables.Chain{
				Table: table, Name: device, Device: device, Type: nftables.ChainTypeFilter,
				Hooknum: nftables.ChainHookIngress, Priority: nftables.ChainPriorityFilter,
			})
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: dropTo(way.to.spec.Address.Addr())})
		}
	})
}

// HealWith undoes CutFrom.
func (h *Host) HealWith(other *Host) error {
	return h.lab.namespace(routerName).nft(func(c *nftables.Conn) {
		c.DelTable(&nftables.Table{Family: nftables.TableFamilyNetdev, Name: cutBetween(h, other)})
	})
}

// cutBetween names the table of a cut, whichever of the two is named first.
func cutBetween(a, b *Host) string {
	return fmt.Sprintf("%s-%s-%s", cutTable, min(a.Name, b.Name), max(a.Name, b.Name))
}

// dropTo drops the packets to an address. A netdev table sees all protocols,
// so the rule begins with which one it means.
func dropTo(a netip.Addr) []expr.Any {
	protocol, offset := []byte{0x08, 0x00}, uint32(16) // IPv4, RFC 791
	if a.Is6() {
		protocol, offset = []byte{0x86, 0xdd}, 24 // RFC 8200
	}
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: protocol},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: uint32(a.BitLen() / 8)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: a.AsSlice()},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}
}
