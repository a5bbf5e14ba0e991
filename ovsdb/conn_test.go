package ovsdb

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// lockHolder is another client of the same ovsdb-server that has or wants the lock.
type lockHolder struct{ cmd *exec.Cmd }

// holdLock returns when the client has the lock, by "lock" or "steal".
func (h *host) holdLock(how string) *lockHolder {
	h.t.Helper()
	cmd := exec.Command("ovsdb-client", how, h.db(), LockName)
	out, err := cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { stop(cmd) })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.Contains(line, "locked") {
		h.t.Fatalf("ovsdb-client %s: %q, %v", how, line, err)
	}
	return &lockHolder{cmd}
}

func (l *lockHolder) leave() { stop(l.cmd) }

func TestLockHeldByAnother(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	other := h.holdLock("lock")
	c := h.join(Config{})
	if v, _ := c.View(); v.Locked {
		t.Fatal("two hold one lock")
	}
	if _, err := c.Ensure(t.Context(), wanted()); !errors.Is(err, ErrLockHeld) {
		t.Fatalf("Ensure: %v", err)
	}
	if v, _ := c.View(); v.Bridge != nil || c.Transactions() != 0 {
		t.Error("wrote without the lock")
	}
	other.leave()
	await(t, c, "the lock", func(v *View) bool { return v.Locked })
	ensure(t, c, wanted(), true)

	thief := h.holdLock("steal")
	await(t, c, "the theft", func(v *View) bool { return !v.Locked })
	ensure(t, c, wanted(), false) // what is right needs no lock
	w := wanted()
	w.TableNames = nil
	if _, err := c.Ensure(t.Context(), w); !errors.Is(err, ErrLockHeld) {
		t.Fatalf("Ensure: %v", err)
	}
	thief.leave()
	await(t, c, "the lock again", func(v *View) bool { return v.Locked })
	ensure(t, c, w, true)
}

// A transaction asserts the lock, whatever we believe.
func TestStaleBeliefInTheLockIsRefused(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	h.holdLock("lock")
	c := h.join(Config{})
	c.setLocked(true)
	if _, err := c.Ensure(t.Context(), wanted()); !errors.Is(err, ErrLockHeld) {
		t.Errorf("Ensure: %v", err)
	}
	if v, _ := c.View(); v.Bridge != nil {
		t.Error("wrote without the lock")
	}
}

// The transaction lets nothing through that was decided on another bridge.
func TestTransactionIsGuardedByWhatWasSeen(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	c := h.join(Config{})
	w := wanted()
	ensure(t, c, w, true)
	stale, _ := c.View()
	h.vsctl("set", "Bridge", "br-weft", "external_ids:weft=cluster-b")
	var tx transaction
	tx.updateRow("Bridge", "br-weft", stale.Bridge.UUID, map[string]any{"fail_mode": "standalone"})
	if err := c.commit(t.Context(), stale, &tx); !errors.Is(err, ErrChanged) {
		t.Errorf("commit: %v", err)
	}
	if got := h.vsctl("get", "Bridge", "br-weft", "fail_mode"); got != "secure" {
		t.Errorf("fail_mode %s", got)
	}
}

func TestRunEndsWithTheServer(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	c := h.join(Config{})
	ended := make(chan error, 1)
	go func() { ended <- c.Run(t.Context(), func(*View) {}) }()
	stop(h.server)
	select {
	case err := <-ended:
		if err == nil {
			t.Error("no cause")
		}
	case <-time.After(2 * time.Second):
		t.Fatal("Run goes on after the server was killed")
	}
	if _, err := c.Ensure(t.Context(), wanted()); err == nil {
		t.Error("Ensure succeeds on a dead connection")
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	c := h.join(Config{})
	if err := c.Probe(t.Context()); err != nil {
		t.Errorf("a living host: %v", err)
	}
	h.server.Process.Signal(syscall.SIGSTOP)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Probe(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a host that hangs: %v", err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	c := h.join(Config{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, func(*View) {}) }()
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Run goes on")
	}
}

func TestOnlyTheNewestViewIsDelivered(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	c := h.join(Config{})
	h.vsctl("add-br", "br-weft")
	first := make(chan struct{})
	proceed := make(chan struct{})
	views := make(chan *View, 100)
	var delayed sync.Once
	go c.Run(t.Context(), func(v *View) {
		delayed.Do(func() {
			close(first)
			<-proceed
		})
		views <- v
	})
	<-first
	const many = 20
	for i := range many {
		h.vsctl("add-port", "br-weft", "p"+string(rune('a'+i)))
	}
	await(t, c, "all ports while the handler is busy", func(v *View) bool { return len(v.Ports) == many+1 })
	close(proceed)
	delivered := []int{}
	for v := range views {
		delivered = append(delivered, len(v.Ports))
		if len(v.Ports) == many+1 {
			break
		}
	}
	if len(delivered) > 3 {
		t.Errorf("Views with these numbers of ports were delivered: %v", delivered)
	}
}

func TestPortsOfUsersAreSeen(t *testing.T) {
	t.Parallel()
	needRoot(t)
	h := startHost(t)
	h.startVswitchd()
	c := h.join(Config{})
	ensure(t, c, wanted(), true)
	if err := c.WaitApplied(t.Context()); err != nil {
		t.Fatal(err)
	}

	h.inNamespace("ip", "link", "add", "veth1", "mtu", "1442", "type", "veth", "peer", "name", "eth1")
	h.vsctl("add-port", "br-weft", "veth1", "tag=9", "--", "set", "Interface", "veth1", "external_ids:iface-id=web-1")
	v := await(t, c, "veth1 with a number", func(v *View) bool {
		p := v.findPort("veth1")
		return p != nil && p.Interfaces[0].OFPort > 0 && p.Interfaces[0].IfIndex > 0
	})
	p := v.findPort("veth1")
	i := p.Interfaces[0]
	if i.ExternalIDs["iface-id"] != "web-1" || *p.Tag != 9 || i.LinkState != "down" || i.Error != "" {
		t.Errorf("port %+v", p)
	}
	h.inNamespace("ip", "link", "set", "veth1", "up")
	h.inNamespace("ip", "link", "set", "eth1", "up")
	v = await(t, c, "the link up", func(v *View) bool { return v.findPort("veth1").Interfaces[0].LinkState == "up" })
	if i := v.findPort("veth1").Interfaces[0]; i.AdminState != "up" || i.MTU != 1442 || i.MACInUse == "" {
		t.Errorf("interface %+v", i)
	}
	h.inNamespace("ip", "link", "del", "eth1")
	v = await(t, c, "the ghost of a port whose device is gone", func(v *View) bool {
		p := v.findPort("veth1")
		return p != nil && p.Interfaces[0].IfIndex == 0
	})
	w := wanted()
	w.RemovePorts = []string{v.findPort("veth1").UUID}
	ensure(t, c, w, true)

	h.vsctl("add-port", "br-weft", "nodev", "--", "add-port", "br-weft", "vx2", "--", "set", "Interface", "vx2", "type=vxlan", "options:remote_ip=flow", "options:key=flow")
	await(t, c, "the errors of two ports that cannot be", func(v *View) bool {
		a, b := v.findPort("nodev"), v.findPort("vx2")
		return a != nil && b != nil && strings.Contains(a.Interfaces[0].Error, "No such device") && strings.Contains(b.Interfaces[0].Error, "File exists")
	})
}

func TestDatapathIsFoundOut(t *testing.T) {
	t.Parallel()
	needRoot(t)
	h := startHost(t)
	h.startVswitchd()
	c := h.join(Config{})
	if out := h.run("ovs-appctl", "-t", h.path("vswitchd.ctl"), "dpif/show"); out != "" {
		t.Fatalf("a datapath exists already: %s", out)
	}
	w := wanted()
	w.DatapathType = ""

	// While ovs-vswitchd does not answer nothing is concluded.
	h.vswitchd.Process.Signal(syscall.SIGSTOP)
	ensure(t, c, w, true)
	ensure(t, c, w, false)
	if v, _ := c.View(); v.Datapath() != DatapathUnknown || v.Bridge.DatapathType != "" {
		t.Fatalf("datapath %d of type %q", v.Datapath(), v.Bridge.DatapathType)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.WaitApplied(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("WaitApplied: %v", err)
	}
	h.vswitchd.Process.Signal(syscall.SIGCONT)

	if err := c.WaitApplied(t.Context()); err != nil {
		t.Fatal(err)
	}
	v, _ := c.View()
	if v.Datapath() == DatapathWorks {
		t.Skip("this kernel has the openvswitch module")
	}
	if v.Datapath() != DatapathFails {
		t.Fatalf("datapath %d", v.Datapath())
	}
	ensure(t, c, w, true)
	v = await(t, c, "netdev", func(v *View) bool { return v.Datapath() == DatapathWorks })
	if v.Bridge.DatapathType != "netdev" {
		t.Errorf("type %q", v.Bridge.DatapathType)
	}
	ensure(t, c, w, false)
}

// datapath_id is not kept over a restart of ovsdb-server. A host that works must
// not be given another datapath because of that.
func TestDatapathIsNotChangedByARestartOfTheServer(t *testing.T) {
	t.Parallel()
	needRoot(t)
	h := startHost(t)
	h.startVswitchd()
	c := h.join(Config{})
	w := wanted()
	ensure(t, c, w, true)
	await(t, c, "a working datapath", func(v *View) bool { return v.Datapath() == DatapathWorks })
	// As a host with the kernel module has it; this one could not change.
	h.vswitchd.Process.Signal(syscall.SIGSTOP)
	h.vsctl("set", "Bridge", "br-weft", "datapath_type=system")
	c.Close(nil)
	stop(h.server)
	h.startServer()

	c = h.join(Config{})
	w.DatapathType = ""
	v, _ := c.View()
	if v.Bridge.DatapathID != "" || v.CurCfg < v.NextCfg {
		t.Skipf("datapath_id %q, cur_cfg %d of %d: this ovsdb-server keeps it", v.Bridge.DatapathID, v.CurCfg, v.NextCfg)
	}
	ensure(t, c, w, true)  // asks, by raising next_cfg
	ensure(t, c, w, false) // and waits for the answer
	if v, _ := c.View(); v.Bridge.DatapathType != "system" || v.Datapath() != DatapathUnknown {
		t.Errorf("datapath %d of type %q", v.Datapath(), v.Bridge.DatapathType)
	}
	h.vswitchd.Process.Signal(syscall.SIGCONT)
}

// Nor because somebody made the bridge anew behind our back.
func TestDatapathOfABridgeMadeAnewIsNotJudgedAtOnce(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	h.startVswitchd()
	c := h.join(Config{})
	w := wanted()
	ensure(t, c, w, true)
	await(t, c, "a working datapath", func(v *View) bool { return v.Datapath() == DatapathWorks })
	h.vswitchd.Process.Signal(syscall.SIGSTOP)
	h.vsctl("del-br", "br-weft", "--", "add-br", "br-weft")
	v := await(t, c, "another bridge", func(v *View) bool { return len(v.Bridge.Controllers) == 0 })
	if v.CurCfg < v.NextCfg || v.Bridge.DatapathID != "" {
		t.Fatalf("configuration %d of %d, datapath_id %q: nothing is tested", v.CurCfg, v.NextCfg, v.Bridge.DatapathID)
	}
	w.DatapathType = ""
	ensure(t, c, w, true)
	ensure(t, c, w, false)
	if v, _ := c.View(); v.Bridge.DatapathType != "" || v.Datapath() != DatapathUnknown {
		t.Errorf("datapath %d of type %q", v.Datapath(), v.Bridge.DatapathType)
	}
	h.vswitchd.Process.Signal(syscall.SIGCONT)
}

func TestDatabaseWithoutOpenVSwitchRow(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	c := h.join(Config{})
	root, _ := c.View()
	h.run("ovsdb-client", "transact", h.db(), `["Open_vSwitch",{"op":"delete","table":"Open_vSwitch","where":[["_uuid","==",["uuid","`+root.RootUUID+`"]]]}]`)
	select {
	case <-c.peer.done:
		// The manager's row went too, so the server may hang up first.
		if !errors.Is(c.peer.err, ErrNoRoot) && !errors.Is(c.peer.err, io.EOF) {
			t.Errorf("cause: %v", c.peer.err)
		}
	case <-time.After(patience):
		t.Error("the connection goes on")
	}
}

func TestDatapathStep(t *testing.T) {
	view := func(datapathType, id string, ours, cur int) *View {
		return &View{OurCfg: ours, CurCfg: cur, Bridge: &Bridge{DatapathType: datapathType, DatapathID: id}}
	}
	tests := []struct {
		name   string
		view   *View
		wanted string
		state  Datapath
		step   string
		ask    bool
	}{
		{"no bridge, any", &View{}, "", DatapathAbsent, "", false},
		{"no bridge, netdev", &View{}, "netdev", DatapathAbsent, "netdev", false},
		{"empty, ours applied, a later one not", &View{OurCfg: 6, CurCfg: 6, NextCfg: 7, Bridge: &Bridge{}}, "", DatapathUnknown, "", false},
		{"works", view("", "1", 0, 5), "", DatapathWorks, "", false},
		{"somebody's netdev works", view("netdev", "1", 0, 5), "", DatapathWorks, "netdev", false},
		{"empty, nothing of ours confirmed", view("", "", 0, 5), "", DatapathUnknown, "", true},
		{"empty, ours under way", view("", "", 6, 5), "", DatapathUnknown, "", false},
		{"empty, ours applied", view("", "", 6, 6), "", DatapathFails, "netdev", false},
		{"empty, later than ours applied", view("system", "", 6, 7), "", DatapathFails, "netdev", false},
		{"netdev fails too", view("netdev", "", 6, 6), "", DatapathFails, "netdev", false},
		{"system wanted is the default", view("", "1", 6, 6), "system", DatapathWorks, "", false},
		{"system wanted and failing stays", view("system", "", 6, 6), "system", DatapathFails, "system", false},
		{"netdev wanted", view("", "1", 6, 6), "netdev", DatapathWorks, "netdev", false},
		{"system wanted on netdev", view("netdev", "1", 6, 6), "system", DatapathWorks, "system", false},
	}
	for _, tt := range tests {
		step, ask := tt.view.DatapathStep(tt.wanted)
		if tt.view.Datapath() != tt.state || step != tt.step || ask != tt.ask {
			t.Errorf("%s: state %d, step %q ask %v, want %d, %q %v", tt.name, tt.view.Datapath(), step, ask, tt.state, tt.step, tt.ask)
		}
	}
}

func TestViewHasOnlyOurBridgesPorts(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	h.vsctl("add-br", "br-weft", "--", "add-br", "br-a", "--", "add-br", "br-b", "--", "add-port", "br-a", "other", "--", "add-port", "br-weft", "mine")
	c := h.join(Config{})
	v, _ := c.View()
	if v.findPort("mine") == nil || v.findPort("other") != nil || !slices.Equal(v.OtherBridges, []string{"br-a", "br-b"}) || v.SystemID != v.RootUUID {
		t.Errorf("%+v", v)
	}
}
