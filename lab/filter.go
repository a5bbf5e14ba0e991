package lab

import (
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netns"
)

// nft runs fn with a connection to the namespace's nftables and commits what
// it queued.
func (n namespace) nft(fn func(*nftables.Conn)) error {
	return n.open(func(ns netns.NsHandle) error {
		c, err := nftables.New(nftables.WithNetNSFd(int(ns)))
		if err != nil {
			return fmt.Errorf("nftables in namespace %s: %w", n, err)
		}
		fn(c)
		if err := c.Flush(); err != nil {
			return fmt.Errorf("change nftables in namespace %s: %w", n, err)
		}
		return nil
	})
}

// hideFromKernel keeps the namespace's own network stack from seeing what
// arrives on dev. The userspace datapath reads the device through AF_PACKET,
// which comes before nftables' ingress hook; without this the kernel answers
// as well, for instance ARP for the underlay address with the wrong MAC, and
// containers reach the host past the OpenFlow tables.
func (n namespace) hideFromKernel(dev string) error {
	drop := nftables.ChainPolicyDrop
	return n.nft(func(c *nftables.Conn) {
		table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyNetdev, Name: "weft-lab"})
		c.AddChain(&nftables.Chain{
			Table: table, Name: dev, Device: dev, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookIngress, Priority: nftables.ChainPriorityFilter, Policy: &drop,
		})
	})
}

// DropForwarded makes the host drop what it would forward, as Docker leaves a
// host: the policy of the chain that iptables(8) calls FORWARD is to drop.
func (h *Host) DropForwarded() error {
	drop := nftables.ChainPolicyDrop
	return h.in.nft(func(c *nftables.Conn) {
		for _, family := range []nftables.TableFamily{nftables.TableFamilyIPv4, nftables.TableFamilyIPv6} {
			table := c.AddTable(&nftables.Table{Family: family, Name: "filter"})
			c.AddChain(&nftables.Chain{
				Table: table, Name: "FORWARD", Type: nftables.ChainTypeFilter,
				Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter, Policy: &drop,
			})
		}
	})
}

const cutTable = "weft-lab-cut"

// cutFrom drops everything to and from the peer, silently.
func (n namespace) cutFrom(peer netip.Addr) error {
	family, offsetSource, offsetDestination := nftables.TableFamilyIPv4, uint32(12), uint32(16) // RFC 791
	if peer.Is6() {
		family, offsetSource, offsetDestination = nftables.TableFamilyIPv6, 8, 24 // RFC 8200
	}
	return n.nft(func(c *nftables.Conn) {
		table := c.AddTable(&nftables.Table{Family: family, Name: cutTable})
		for _, direction := range []struct {
			name   string
			hook   *nftables.ChainHook
			offset uint32
		}{
			{"input", nftables.ChainHookInput, offsetSource},
			{"output", nftables.ChainHookOutput, offsetDestination},
		} {
			chain := c.AddChain(&nftables.Chain{
				Table: table, Name: direction.name, Type: nftables.ChainTypeFilter,
				Hooknum: direction.hook, Priority: nftables.ChainPriorityFilter,
			})
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
				&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: direction.offset, Len: uint32(peer.BitLen() / 8)},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: peer.AsSlice()},
				&expr.Verdict{Kind: expr.VerdictDrop},
			}})
		}
	})
}

// healFrom undoes cutFrom.
func (n namespace) healFrom(peer netip.Addr) error {
	family := nftables.TableFamilyIPv4
	if peer.Is6() {
		family = nftables.TableFamilyIPv6
	}
	return n.nft(func(c *nftables.Conn) {
		c.DelTable(&nftables.Table{Family: family, Name: cutTable})
	})
}
