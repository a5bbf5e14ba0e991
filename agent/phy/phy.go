package phy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/safchain/ethtool"
	"github.com/vishvananda/netlink"

	"github.com/weft-sdn/weft/agent/ingress"
)

// Bridge is the name of the bridge that holds the NIC.
const Bridge = "br-phy"

// VSCtl runs ovs-vsctl(8) with these arguments, and waits for ovs-vswitchd.
type VSCtl func(ctx context.Context, args ...string) (string, error)

// recordFile says in the state directory what was done, for who undoes it.
const recordFile = "underlay.json"

// record is written before anything is changed.
type record struct {
	NIC      string          `json:"nic"`
	MAC      string          `json:"mac"`
	MTU      int             `json:"mtu"`
	Offloads map[string]bool `json:"offloads"` // as they were
	NoIPv6   string          `json:"noIPv6"`   // disable_ipv6, as it was
}

// Ready reports whether a device is the internal port of a bridge of the
// userspace datapath, and so carries its tunnels.
func Ready(ctx context.Context, vsctl VSCtl, device string) (bool, error) {
	out, err := vsctl(ctx, "--if-exists", "get", "Bridge", device, "datapath_type")
	return strings.Trim(strings.TrimSpace(out), `"`) == "netdev", err
}

// Prepare moves a NIC, its addresses and its routes into the bridge. If that
// fails half way, everything is put back.
func Prepare(ctx context.Context, vsctl VSCtl, stateDir, nic string) error {
	link, err := netlink.LinkByName(nic)
	if err != nil {
		return fmt.Errorf("find the NIC %s: %w", nic, err)
	}
	if link.Attrs().MasterIndex != 0 {
		return fmt.Errorf("%s is part of another interface (a bridge or bond of the kernel's), and cannot be moved into %s: give the underlay an address on an interface that is not", nic, Bridge)
	}
	if link.Attrs().Flags&net.FlagLoopback != 0 || len(link.Attrs().HardwareAddr) != 6 {
		return fmt.Errorf("%s is no Ethernet NIC, and cannot be moved into %s", nic, Bridge)
	}
	r, err := note(stateDir, link)
	if err != nil {
		return err
	}
	if err := prepare(ctx, vsctl, r, link); err != nil {
		return errors.Join(fmt.Errorf("move %s into %s: %w", nic, Bridge, err), Restore(context.WithoutCancel(ctx), vsctl, stateDir))
	}
	return nil
}

// prepare does it in the order in which the host is off the network for the
// shortest time: the bridge has the NIC's MAC before it has an address, since
// changing it later would lose the default route.
func prepare(ctx context.Context, vsctl VSCtl, r record, nic netlink.Link) error {
	if err := setOffloads(r.NIC, false, r.Offloads); err != nil {
		return err
	}
	_, err := vsctl(ctx, "--may-exist", "add-br", Bridge,
		"--", "set", "Bridge", Bridge, "datapath_type=netdev", "fail_mode=standalone", `other_config:hwaddr="`+r.MAC+`"`, `external_ids:weft-underlay="`+r.NIC+`"`,
		"--", "set", "Interface", Bridge, fmt.Sprintf("mtu_request=%d", r.MTU),
		"--", "--may-exist", "add-port", Bridge, r.NIC)
	if err != nil {
		return err
	}
	bridge, err := waitFor(ctx, Bridge)
	if err != nil {
		return err
	}
	moved, err := settled(nic)
	if err != nil {
		return err
	}
	if err := ingress.Drop(filterTable, "nic", r.NIC); err != nil {
		return err
	}
	if err := move(moved, nic, bridge); err != nil {
		return err
	}
	return setNoIPv6(r.NIC, "1") // no link-local address of its own either
}

// Restore puts back what Prepare did. Where nothing was done, it does nothing.
func Restore(ctx context.Context, vsctl VSCtl, stateDir string) error {
	file := filepath.Join(stateDir, recordFile)
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var r record
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return fmt.Errorf("read how the underlay was: %w", err)
	}
	if err := restore(ctx, vsctl, r); err != nil {
		return fmt.Errorf("move %s out of %s again: %w", r.NIC, Bridge, err)
	}
	return os.Remove(file)
}

func restore(ctx context.Context, vsctl VSCtl, r record) error {
	nic, err := netlink.LinkByName(r.NIC)
	if err != nil {
		return err
	}
	var moved place
	bridge, err := netlink.LinkByName(Bridge)
	if err == nil {
		if moved, err = settled(bridge); err != nil {
			return err
		}
	}
	if _, err := vsctl(ctx, "--if-exists", "del-br", Bridge); err != nil {
		return err
	}
	if err := errors.Join(unhide(), setNoIPv6(r.NIC, r.NoIPv6), setOffloads(r.NIC, true, r.Offloads)); err != nil {
		return err
	}
	return moved.settle(nic)
}

// note writes down how a NIC is, unless that was done before.
func note(stateDir string, nic netlink.Link) (record, error) {
	file := filepath.Join(stateDir, recordFile)
	a := nic.Attrs()
	var r record
	if text, err := os.ReadFile(file); err == nil && json.Unmarshal(text, &r) == nil && r.NIC == a.Name {
		return r, nil
	}
	offloads, err := offloads(a.Name)
	if err != nil {
		return r, err
	}
	noIPv6, err := os.ReadFile(noIPv6File(a.Name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	r = record{NIC: a.Name, MAC: a.HardwareAddr.String(), MTU: a.MTU, Offloads: offloads, NoIPv6: strings.TrimSpace(string(noIPv6))}
	text, err := json.Marshal(r)
	if err == nil {
		err = errors.Join(os.MkdirAll(stateDir, 0o700), os.WriteFile(file, text, 0o600))
	}
	if err != nil {
		return r, fmt.Errorf("note how the underlay is before it is changed: %w", err)
	}
	return r, nil
}

// waitFor waits for a device that ovs-vswitchd makes.
func waitFor(ctx context.Context, name string) (netlink.Link, error) {
	for {
		link, err := netlink.LinkByName(name)
		if err == nil {
			return link, nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for ovs-vswitchd to make %s: %w", name, ctx.Err())
		}
	}
}

// The userspace datapath completes no checksums that were left to the NIC.
func offloads(device string) (map[string]bool, error) {
	tool, err := ethtool.NewEthtool()
	if err != nil {
		return nil, err
	}
	defer tool.Close()
	all, err := tool.Features(device)
	if err != nil {
		return nil, fmt.Errorf("read the offloads of %s: %w", device, err)
	}
	out := map[string]bool{}
	for name, on := range all {
		if strings.HasPrefix(name, "tx-checksum-") && on {
			out[name] = true
		}
	}
	return out, nil
}

// setOffloads switches on or off those that were on.
func setOffloads(device string, on bool, which map[string]bool) error {
	if len(which) == 0 {
		return nil
	}
	tool, err := ethtool.NewEthtool()
	if err != nil {
		return err
	}
	defer tool.Close()
	wanted := map[string]bool{}
	for name := range which {
		wanted[name] = on
	}
	if err := tool.Change(device, wanted); err != nil {
		return fmt.Errorf("set the TX checksum offload of %s: %w", device, err)
	}
	return nil
}

func noIPv6File(device string) string { return "/proc/sys/net/ipv6/conf/" + device + "/disable_ipv6" }

// setNoIPv6 writes disable_ipv6, on a kernel that has IPv6 at all.
func setNoIPv6(device, value string) error {
	if value == "" {
		return nil
	}
	err := os.WriteFile(noIPv6File(device), []byte(value), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Prepared reports whether the underlay was prepared before, also if a reboot
// has undone it since.
func Prepared(stateDir string) bool {
	_, err := os.Stat(filepath.Join(stateDir, recordFile))
	return err == nil
}
