package plug

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/safchain/ethtool"
	"github.com/vishvananda/netlink"

	"github.com/weft-sdn/weft/agent/ingress"
)

// filterTable of nftables holds one chain a port.
const filterTable = "weft-ports"

// Adopt does for a port that somebody else plugged in what this package does for
// its own: it adds to its external_ids, gives it the MTU unless that is 0, and
// does on the host what the userspace datapath needs. Where it reports userspace,
// the other end of the pair wants [Checksummed] too.
func (s *Socket) Adopt(ctx context.Context, port string, externalIDs map[string]string, mtu int) (userspace bool, err error) {
	args := []string{"--", "get", "Bridge", bridge, "datapath_type", "--", "set", "Interface", port}
	for _, key := range slices.Sorted(maps.Keys(externalIDs)) {
		args = append(args, fmt.Sprintf("external_ids:%s=%q", key, externalIDs[key]))
	}
	link, err := netlink.LinkByName(port)
	if err == nil && mtu != 0 {
		args = append(args, fmt.Sprintf("mtu_request=%d", mtu))
		err = netlink.LinkSetMTU(link, mtu)
	}
	if err != nil {
		return false, fmt.Errorf("complete port %s: %w", port, err)
	}
	out, err := s.vsctl(ctx, args...)
	if err != nil {
		return false, fmt.Errorf("complete port %s: %w", port, err)
	}
	if strings.Trim(strings.TrimSpace(out), `"`) != netdev {
		return false, nil
	}
	if err := Checksummed(port); err != nil {
		return true, err
	}
	return true, ingress.Drop(filterTable, port, port)
}

// Checksummed has the kernel compute the checksums of what a device of this
// thread's network namespace sends, for the userspace datapath does not.
func Checksummed(device string) error {
	tool, err := ethtool.NewEthtool()
	if err != nil {
		return fmt.Errorf("open the kernel's ethtool interface: %w", err)
	}
	defer tool.Close()
	if err := tool.Change(device, map[string]bool{"tx-checksum-ip-generic": false}); err != nil {
		return fmt.Errorf("turn TX checksum offload of %s off: %w", device, err)
	}
	return nil
}
