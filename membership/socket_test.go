package membership

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// All else is tested without sockets. Here are two members on loopback, with
// real ones and in real time.
func TestRealSockets(t *testing.T) {
	join := func(name string, role Role, seeds ...string) (*Membership, chan Change) {
		changes := make(chan Change, 100)
		m, err := Join(Config{Cluster: "c", Name: name, Role: role, Keys: []Key{{1}}, Seeds: seeds,
			Bind: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0), Changed: func(c Change) { changes <- c }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Close)
		return m, changes
	}
	until := func(changes chan Change, name string, state State) Member {
		t.Helper()
		patience := time.After(30 * time.Second)
		for {
			select {
			case c := <-changes:
				if c.After.Name == name && c.After.State == state {
					return c.After
				}
			case <-patience:
				t.Fatalf("%s is not %s", name, state)
			}
		}
	}
	controller, atController := join("controller", Controller)
	seed := fmt.Sprint(controller.address())
	agent, atAgent := join("agent", Agent, seed)
	until(atAgent, "controller", Alive)
	if got := until(atController, "agent", Alive); got.Address != agent.address() || got.Address.Port() == 0 {
		t.Errorf("the controller has the agent at %v, and it is at %v", got.Address, agent.address())
	}
	if err := agent.UpdateFacts(Facts{UnderlayMTU: 9000}); err != nil {
		t.Fatal(err)
	}
	if got := until(atController, "agent", Alive); got.Facts.UnderlayMTU != 9000 {
		t.Errorf("%v", got)
	}
	if err := agent.Leave(); err != nil {
		t.Fatal(err)
	}
	until(atController, "agent", Left)
}

func TestSeedsAreWritten(t *testing.T) {
	for seed, want := range map[string]string{
		"192.0.2.1":        "192.0.2.1:7948",
		"192.0.2.1:7000":   "192.0.2.1:7000",
		"2001:db8::1":      "[2001:db8::1]:7948",
		"[2001:db8::1]:70": "[2001:db8::1]:70",
	} {
		got, err := resolve(seed)
		if err != nil || len(got) != 1 || got[0].String() != want {
			t.Errorf("%s is %v, %v; want %s", seed, got, err, want)
		}
	}
	if got := withPort("controller"); got != "controller:7948" {
		t.Error(got)
	}
	if got, err := resolve("192.0.2.1:port"); err == nil {
		t.Error(got)
	}
}
