package session

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/weft-sdn/weft/internal/ovstest"
	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// ovs is an Open vSwitch of the test's own.
type ovs struct {
	*ovstest.OVS
	t       testing.TB
	bridges int
}

func startOVS(t testing.TB) *ovs { return &ovs{OVS: ovstest.StartDummies(t), t: t} }

// ofctl runs a command of ovs-ofctl on a bridge, as somebody else would.
func (o *ovs) ofctl(bridge, command string, args ...string) string {
	o.t.Helper()
	return o.OFCtl("", command, bridge, args...)
}

// bridge makes a bridge with two ports.
func (o *ovs) bridge() string {
	o.t.Helper()
	o.bridges++
	name := fmt.Sprintf("br%d", o.bridges)
	o.AddBridge(name)
	o.VSCtl("add-port", name, name+"-a", "--", "add-port", name, name+"-b")
	return name
}

// connect opens a session to a bridge and runs it until the test ends.
func (o *ovs) connect(bridge string, cfg Config) (*Session, *recorder) {
	o.t.Helper()
	conn, err := net.Dial("unix", o.Path(bridge+".mgmt"))
	if err != nil {
		o.t.Fatal(err)
	}
	return run(o.t, conn, cfg)
}

// run runs a session on a connection until the test ends.
func run(t testing.TB, conn net.Conn, cfg Config) (*Session, *recorder) {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	s, err := Accept(t.Context(), conn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{ended: make(chan struct{})}
	go func() {
		r.err = s.Run(t.Context(), r)
		close(r.ended)
	}()
	t.Cleanup(func() {
		s.Close()
		<-r.ended
	})
	return s, r
}

// recorder is a Handler that remembers.
type recorder struct {
	mu        sync.Mutex
	ready     bool
	ports     map[uint32]openflow.Port
	packets   []*openflow.PacketIn
	installed uint64
	refused   []Refusal
	tampered  []string
	ended     chan struct{}
	err       error // of Run, once ended
}

func (r *recorder) Ready(ports []openflow.Port) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ready, r.ports = true, make(map[uint32]openflow.Port)
	for _, p := range ports {
		r.ports[p.Number] = p
	}
}

func (r *recorder) PortChanged(p openflow.Port, gone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ports[p.Number] = p; gone {
		delete(r.ports, p.Number)
	}
}

func (r *recorder) PacketIn(m *openflow.PacketIn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packets = append(r.packets, m)
}

func (r *recorder) Installed(generation uint64, refused []Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.installed, r.refused = generation, refused
}

func (r *recorder) Tampered(d program.Difference) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tampered = append(r.tampered, d.Lines(openflow.Names{})...)
}

// see calls f with the recorder locked.
func (r *recorder) see(f func() bool) func() bool {
	return func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return f()
	}
}

func (r *recorder) waitInstalled(t testing.TB, generation uint64) {
	t.Helper()
	waitFor(t, 20*time.Second, fmt.Sprintf("generation %d", generation), r.see(func() bool { return r.installed >= generation }))
}

// waitFor waits for a condition that nothing can be subscribed to.
func waitFor(t testing.TB, patience time.Duration, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %v", what, patience)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
