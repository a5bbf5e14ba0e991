// Package ingress keeps a host's own network stack from hearing what the
// userspace datapath reads from a device. The packages of the agent that give
// devices to that datapath import it.
package ingress

import (
	"fmt"

	"github.com/google/nftables"
)

// Drop has nftables drop what arrives on a device, in a chain that goes away with
// the device. Open vSwitch reads it by a packet socket, which comes before the
// ingress hook.
func Drop(table, chain, device string) error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	drop := nftables.ChainPolicyDrop
	conn.AddChain(&nftables.Chain{
		Table: conn.AddTable(&nftables.Table{Family: nftables.TableFamilyNetdev, Name: table}),
		Name:  chain, Device: device, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookIngress, Priority: nftables.ChainPriorityFilter, Policy: &drop,
	})
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("have nftables drop what the host's own stack hears on %s: %w", device, err)
	}
	return nil
}
