package plug

import (
	"fmt"

	"github.com/google/nftables"
)

// filterTable holds one chain a port. A chain goes away with its device.
const filterTable = "weft-ports"

// hideFromKernel keeps the host's own stack from seeing what arrives on a
// device. A packet socket, through which Open vSwitch reads it, comes before the
// ingress hook of nftables.
func hideFromKernel(device string) error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	drop := nftables.ChainPolicyDrop
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyNetdev, Name: filterTable})
	conn.AddChain(&nftables.Chain{
		Table: table, Name: device, Device: device, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookIngress, Priority: nftables.ChainPriorityFilter, Policy: &drop,
	})
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("have nftables drop what the host's own stack sees of %s: %w", device, err)
	}
	return nil
}
