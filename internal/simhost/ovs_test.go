package simhost

import (
	"testing"
	"time"

	"github.com/weft-sdn/weft/internal/ovstest"
)

const patience = 20 * time.Second

// realHost is an Open vSwitch of the test's own with a manager.
type realHost struct{ *ovstest.OVS }

func startReal(t testing.TB, manager string) realHost {
	t.Helper()
	h := realHost{ovstest.StartDummies(t)}
	h.VSCtl("set", "Open_vSwitch", ".", "external_ids:system-id=real", "--", "set-manager", "tcp:"+manager)
	return h
}

func (h realHost) plug(port, ifaceID string) error {
	h.VSCtl("--no-wait", "add-port", "br-weft", port, "--", "set", "Interface", port, "external_ids:iface-id="+ifaceID)
	return nil
}

func (h realHost) unplug(port string) error {
	h.VSCtl("--no-wait", "del-port", "br-weft", port)
	return nil
}

func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
