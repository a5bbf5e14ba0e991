package join

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/agent/hosttest"
	"github.com/weft-sdn/weft/agent/phy"
	"github.com/weft-sdn/weft/internal/ovstest"
	"github.com/weft-sdn/weft/membership"
)

func TestTheUnderlayIsMovedOnlyIfThatIsAskedFor(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	if kernel, err := kernelDatapath(); kernel || err != nil {
		t.Skipf("SKIPPED: this kernel has the datapath of Open vSwitch, or does not say (%v)", err)
	}
	o := ovstest.Start(t)
	hosttest.Add(t, "peer")
	hosttest.Shell(t, `
		ip link add nic0 type veth peer name eth0 netns peer
		ip addr add 192.0.2.1/24 dev nic0; ip link set nic0 up
		ip -n peer addr add 192.0.2.2/24 dev eth0; ip -n peer link set eth0 up`)
	ovs, err := newOpenVSwitch("unix:" + o.Path("db.sock"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	cfg := Config{StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
	choose := func() error {
		h := &host{ovs: ovs, cfg: cfg, set: settings{}, card: membership.Card{Seeds: []string{"192.0.2.2:7948"}}}
		err := h.chooseDatapath(ctx, root{})
		if h.datapath != netdevDatapath {
			t.Errorf("the datapath is %q", h.datapath)
		}
		return err
	}
	if err := choose(); err == nil || !strings.Contains(err.Error(), "--userspace-underlay") || !strings.Contains(err.Error(), "nic0") {
		t.Fatalf("without being asked to: %v", err)
	}
	if out := o.VSCtl("list-br"); out != "" {
		t.Fatalf("without being asked to, it made %s", out)
	}
	cfg.UserspaceUnderlay = true
	if err := choose(); err != nil {
		t.Fatal(err)
	}
	if out := hosttest.Run(t, "ip", "-o", "-4", "addr", "show", "dev", phy.Bridge); !strings.Contains(out, "192.0.2.1/24") {
		t.Errorf("the bridge has %s", out)
	}
	cfg.UserspaceUnderlay = false // it is ready now
	if err := choose(); err != nil {
		t.Error(err)
	}
	// And after a reboot it is known that it may be moved.
	hosttest.Shell(t, "ip addr flush dev br-phy; ip addr add 192.0.2.1/24 dev nic0")
	if err := choose(); err != nil {
		t.Error(err)
	}
	if out := hosttest.Run(t, "ip", "-o", "-4", "addr", "show", "dev", phy.Bridge); !strings.Contains(out, "192.0.2.1/24") {
		t.Errorf("after a reboot the bridge has %s", out)
	}
}
