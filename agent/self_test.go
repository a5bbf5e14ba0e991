package agent_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/agent"
	"github.com/weft-sdn/weft/agent/hosttest"
)

// The host is in a network itself, by an interface that the controller makes.
func TestAHostIsInANetworkItself(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	w := newOVS(t)
	stop := w.startAgent()
	w.ovs.VSCtl("add-port", "br-weft", "weft-h12", "--", "set", "interface", "weft-h12", "type=internal", `mac="02:42:0a:00:01:09"`, "mtu_request=1450",
		"external_ids:iface-id=self", `external_ids:weft-address="10.0.1.9/24 2001:db8:1::9/64"`)
	w.ovs.VSCtl("add-port", "br-weft", "weft-hand", "--", "set", "interface", "weft-hand", "type=internal", `external_ids:weft-address="10.9.9.9/24"`)
	w.has("weft-h12", "10.0.1.9/24", "2001:db8:1::9/64", "UP")
	if other := addresses(t, "weft-hand"); strings.Contains(other, "10.9.9.9") {
		t.Errorf("an interface that is not Weft's has an address: %s", other)
	}

	w.ovs.VSCtl("set", "interface", "weft-h12", `external_ids:weft-address="10.0.1.10/24"`)
	w.has("weft-h12", "10.0.1.10/24")
	if now := addresses(t, "weft-h12"); strings.Contains(now, "10.0.1.9") || strings.Contains(now, "2001:db8") {
		t.Errorf("addresses that are no more the host's are still there: %s", now)
	}
	hosttest.Shell(t, "ip addr del 10.0.1.10/24 dev weft-h12")
	w.has("weft-h12", "10.0.1.10/24")

	stop()
	w.has("weft-h12", "10.0.1.10/24")
	err := agent.Remove(context.Background(), agent.Config{OVSDB: "unix:" + w.ovs.Path("db.sock"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if now := addresses(t, "weft-h12"); strings.Contains(now, "10.0.1.10") {
		t.Errorf("addresses stay although the agent took all away: %s", now)
	}
}

func addresses(t *testing.T, iface string) string {
	t.Helper()
	return hosttest.Shell(t, "ip -br addr show dev "+iface+" || true; ip -o link show dev "+iface+" || true")
}

// has waits until what is shown of an interface has all parts.
func (w *world) has(iface string, parts ...string) {
	w.t.Helper()
	hosttest.Eventually(w.t, func() string {
		shown := addresses(w.t, iface)
		for _, part := range parts {
			if !strings.Contains(shown, part) {
				return part + " is missing in " + shown
			}
		}
		return ""
	})
}
