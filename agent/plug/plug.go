package plug

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/weft-sdn/weft/agent/ingress"
)

// Cord is a veth pair between br-weft and a container.
type Cord struct {
	Port        string           // end on the bridge
	Inside      string           // the other end, as long as it is on the host
	MAC         net.HardwareAddr // of the inner end
	MTU         int
	ExternalIDs map[string]string // of the port's Interface row
}

// Socket is where cords are plugged in: the bridge of one Open vSwitch.
type Socket struct {
	ovsdb string
}

// At is the socket of the Open vSwitch with that database, such as
// unix:/var/run/openvswitch/db.sock.
func At(ovsdb string) *Socket {
	// ovs-vsctl(8) would look for a relative path in Open vSwitch's directory.
	if path, ok := strings.CutPrefix(ovsdb, "unix:"); ok {
		if absolute, err := filepath.Abs(path); err == nil {
			ovsdb = "unix:" + absolute
		}
	}
	return &Socket{ovsdb: ovsdb}
}

// In makes the pair and plugs one end in. The other is left down on the host.
// What an earlier attempt left of it is replaced.
func (s *Socket) In(ctx context.Context, c Cord) error {
	if err := removeDevice(c.Port); err != nil {
		return err
	}
	if err := s.in(ctx, c); err != nil {
		return errors.Join(fmt.Errorf("plug %s into %s: %w", c.Port, bridge, err), s.Out(context.WithoutCancel(ctx), c.Port), removeDevice(c.Port))
	}
	return nil
}

func (s *Socket) in(ctx context.Context, c Cord) error {
	attributes := netlink.NewLinkAttrs()
	attributes.Name, attributes.MTU = c.Port, c.MTU
	pair := &netlink.Veth{LinkAttrs: attributes, PeerName: c.Inside, PeerHardwareAddr: c.MAC, PeerMTU: uint32(c.MTU)}
	if err := netlink.LinkAdd(pair); err != nil {
		return fmt.Errorf("make the veth pair %s and %s: %w", c.Port, c.Inside, err)
	}
	// The port is the switch's: the host has no business of its own there.
	err := os.WriteFile("/proc/sys/net/ipv6/conf/"+c.Port+"/disable_ipv6", []byte("1"), 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keep IPv6 of the host off %s: %w", c.Port, err)
	}
	// Before it is a port: ovs-vswitchd sets the flags of its devices too, reads
	// them before, and so may take back what is set at the same moment.
	if err := netlink.LinkSetUp(pair); err != nil {
		return fmt.Errorf("set %s up: %w", c.Port, err)
	}
	datapath, err := s.addPort(ctx, c)
	if err != nil {
		return err
	}
	if datapath == netdev {
		if err := prepareForUserspace(c); err != nil {
			return err
		}
	}
	return nil
}

// prepareForUserspace does what the userspace datapath needs of a veth. It reads
// the device through a packet socket and computes no checksums, so the kernel
// must not leave them to the device; and it does not take frames from the kernel,
// so the kernel has to be kept from answering them as well, past all flows.
func prepareForUserspace(c Cord) error {
	for _, device := range []string{c.Port, c.Inside} {
		if err := Checksummed(device); err != nil {
			return err
		}
	}
	return ingress.Drop(filterTable, c.Port, c.Port)
}

// Out unplugs a port. That it is not there is no error.
func (s *Socket) Out(ctx context.Context, port string) error { return s.removePort(ctx, port) }

// Remove deletes what is left of a pair, wherever its inner end is. That it is
// not there is no error.
func (s *Socket) Remove(port string) error { return removeDevice(port) }

func removeDevice(name string) error {
	link, err := netlink.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil
	}
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if err != nil {
		return fmt.Errorf("delete interface %s: %w", name, err)
	}
	return nil
}
