package phy_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/agent/hosttest"
	"github.com/weft-sdn/weft/agent/phy"
	"github.com/weft-sdn/weft/internal/ovstest"
)

func TestAHostMovesIntoTheBridgeAndBack(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	ovs := ovstest.Start(t)
	vsctl := func(ctx context.Context, args ...string) (string, error) {
		out, err := ovs.Command("ovs-vsctl", append([]string{"--timeout=10"}, args...)...).Output()
		return string(out), err
	}
	peer := hosttest.Add(t, "peer")
	hosttest.Shell(t, `
		ip link add nic0 address 02:00:00:00:00:11 mtu 1400 type veth peer name eth0 netns peer
		ip addr add 192.0.2.1/24 dev nic0; ip addr add 198.51.100.1/32 dev nic0; ip addr add 2001:db8::1/64 dev nic0 nodad; ip link set nic0 up
		ip -n peer addr add 192.0.2.2/24 dev eth0; ip -n peer addr add 2001:db8::2/64 dev eth0 nodad; ip -n peer link set eth0 up
		ip route add default via 192.0.2.2; ip route add 203.0.113.0/24 via 192.0.2.2 metric 7; ip -6 route add default via 2001:db8::2
		ip netns exec peer ethtool -K eth0 tx off >/dev/null`)
	_ = peer
	state := func(device string) string {
		out := hosttest.Shell(t, "ip -4 -o addr show dev "+device+" | sed 's/.*inet/inet/; s/ brd [^ ]*//'; ip -6 -o addr show dev "+device+" scope global | sed 's/.*inet6/inet6/; s/ nodad//; s/\\\\.*//'; ip route; ip -6 route | grep -v fe80")
		return strings.ReplaceAll(out, device, "DEV")
	}
	reaches := func(what string) {
		t.Helper()
		hosttest.Eventually(t, func() string {
			out, err := ovs.Command("ping", "-n", "-c1", "-W1", "192.0.2.2").CombinedOutput()
			out6, err6 := ovs.Command("ping", "-n", "-c1", "-W1", "2001:db8::2").CombinedOutput()
			if err != nil || err6 != nil {
				return what + ": " + string(out) + string(out6)
			}
			return ""
		})
	}
	dir := filepath.Join(t.TempDir(), "state")
	before := state("nic0")
	offloads := hosttest.Run(t, "ethtool", "-k", "nic0")
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	reaches("before")
	if is, err := phy.Ready(ctx, vsctl, "nic0"); is || err != nil {
		t.Fatalf("nic0 is taken for a bridge of the userspace datapath: %v", err)
	}
	for range 2 { // and again: nothing is left to do
		if err := phy.Prepare(ctx, vsctl, dir, "nic0"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, state(phy.Bridge)); diff != "" {
			t.Errorf("- the NIC had, + the bridge has:\n%s", diff)
		}
	}
	if is, err := phy.Ready(ctx, vsctl, phy.Bridge); !is || err != nil {
		t.Errorf("br-phy is not ready: %v", err)
	}
	if left := hosttest.Run(t, "ip", "-o", "addr", "show", "dev", "nic0"); left != "" {
		t.Errorf("the NIC still has %s", left)
	}
	if out := hosttest.Run(t, "ip", "-o", "link", "show", phy.Bridge); !strings.Contains(out, "mtu 1400") || !strings.Contains(out, "02:00:00:00:00:11") {
		t.Errorf("the bridge is %s", out)
	}
	reaches("through the bridge")

	// As after a reboot: the addresses are on the NIC again.
	hosttest.Shell(t, `
		ip addr flush dev br-phy; ip -6 route flush dev br-phy proto boot; nft delete table netdev weft-underlay; sysctl -qw net.ipv6.conf.nic0.disable_ipv6=0
		ip addr add 192.0.2.1/24 dev nic0; ip addr add 198.51.100.1/32 dev nic0; ip addr add 2001:db8::1/64 dev nic0 nodad
		ip route add default via 192.0.2.2; ip route add 203.0.113.0/24 via 192.0.2.2 metric 7; ip -6 route add default via 2001:db8::2`)
	if err := phy.Prepare(ctx, vsctl, dir, "nic0"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, state(phy.Bridge)); diff != "" {
		t.Errorf("after a reboot: - the NIC had, + the bridge has:\n%s", diff)
	}
	reaches("after a reboot")

	for range 2 {
		if err := phy.Restore(ctx, vsctl, dir); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, state("nic0")); diff != "" {
			t.Errorf("- before, + after:\n%s", diff)
		}
	}
	if diff := cmp.Diff(offloads, hosttest.Run(t, "ethtool", "-k", "nic0")); diff != "" {
		t.Errorf("offloads: - before, + after:\n%s", diff)
	}
	if out := ovs.VSCtl("show"); strings.Contains(out, phy.Bridge) {
		t.Errorf("left: %s", out)
	}
	if out := hosttest.Run(t, "nft", "list", "ruleset"); strings.Contains(out, "weft-underlay") {
		t.Errorf("left: %s", out)
	}
	if all, _ := os.ReadDir(dir); len(all) > 0 {
		t.Errorf("left: %v", all)
	}
	reaches("afterwards")
}

func TestWhatIsNoNICIsRefused(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	hosttest.Shell(t, "ip link add br0 type bridge; ip link add nic0 type veth peer name nic1; ip link set nic0 master br0")
	none := func(context.Context, ...string) (string, error) {
		t.Error("Open vSwitch was changed")
		return "", nil
	}
	for nic, word := range map[string]string{"lo": "no Ethernet NIC", "nic0": "part of another", "nowhere": "nowhere"} {
		if err := phy.Prepare(context.Background(), none, t.TempDir(), nic); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", nic, err)
		}
	}
}
