package ovsdb

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestHostJoinsAndBridgeIsMadeOnce(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	h.startVswitchd()
	h.vsctl("set", "Open_vSwitch", ".", "external_ids:system-id=sys-1", "external_ids:hostname=host1")
	c := h.join(Config{})

	v, _ := c.View()
	if v.SystemID != "sys-1" || v.Hostname != "host1" || v.Bridge != nil || !v.Locked {
		t.Fatalf("first View %+v", v)
	}
	if !c.LocalAddr().Addr().IsLoopback() || c.LocalAddr().String() != h.listener.Addr().String() {
		t.Errorf("LocalAddr %s, the listener is %s", c.LocalAddr(), h.listener.Addr())
	}
	if !c.RemoteAddr().Addr().IsLoopback() {
		t.Errorf("RemoteAddr %s", c.RemoteAddr())
	}

	w := wanted()
	ensure(t, c, w, true)
	ensure(t, c, w, false) // at once: the update comes before the transaction's reply
	if err := c.WaitApplied(t.Context()); err != nil {
		t.Fatal(err)
	}
	v = await(t, c, "a working bridge and its tunnel port", func(v *View) bool {
		p := v.findPort("weft-vxlan")
		return v.Datapath() == DatapathWorks && p != nil && p.Interfaces[0].OFPort == 100
	})
	ensure(t, c, w, false)

	b := v.Bridge
	if b.DatapathID != "1234567890abcdef" || b.FailMode != "secure" || len(b.Protocols) != 0 ||
		b.ExternalIDs[MarkKey] != "cluster-a" || b.OtherConfig["disable-in-band"] != "true" {
		t.Errorf("bridge %+v", b)
	}
	if len(b.Controllers) != 1 || b.Controllers[0].Target != "tcp:127.0.0.1:1" || b.Controllers[0].ConnectionMode != "out-of-band" ||
		b.Controllers[0].RateLimit != 1000 || b.Controllers[0].BurstLimit != 250 || b.Controllers[0].ExternalIDs[MarkKey] != "cluster-a" {
		t.Errorf("controllers %+v", b.Controllers)
	}
	if b.FlowTables[0].Name != "classify" || b.FlowTables[10].Name != "security" || len(b.FlowTables) != 2 {
		t.Errorf("tables %+v", b.FlowTables)
	}
	if len(v.Ports) != 2 || v.Ports[0].Name != "br-weft" {
		t.Errorf("ports %+v", v.Ports)
	}
	for _, p := range v.Ports {
		if p.ExternalIDs[MarkKey] != "cluster-a" || p.Interfaces[0].ExternalIDs[MarkKey] != "cluster-a" || p.Interfaces[0].Error != "" {
			t.Errorf("port %+v", p)
		}
	}

	// A new connection finds a host that is right and writes nothing.
	c.Close(nil)
	again := h.join(Config{})
	ensure(t, again, w, false)
	if v, _ := again.View(); v.Bridge.UUID != b.UUID {
		t.Errorf("bridge %s became %s", b.UUID, v.Bridge.UUID)
	}
}

// Each case damages a right host from outside; the View shows it, and Ensure
// mends it in one transaction, in place.
func TestEnsureMends(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	c := h.join(Config{})
	w := wanted()
	ensure(t, c, w, true)

	controller := func() string { return h.vsctl("get", "Bridge", "br-weft", "controller") }
	tests := []struct {
		name     string
		damage   func()
		seen     func(*View) bool
		replaced bool // the bridge's row, and so all others, are new afterwards
	}{
		{"bridge deleted",
			func() { h.vsctl("del-br", "br-weft") },
			func(v *View) bool { return v.Bridge == nil }, true},
		{"tunnel port deleted",
			func() { h.vsctl("del-port", "br-weft", "weft-vxlan") },
			func(v *View) bool { return v.findPort("weft-vxlan") == nil }, false},
		{"controller's target changed",
			func() { h.vsctl("set", "Controller", "br-weft", "target=\"tcp:192.0.2.1:6653\"") },
			func(v *View) bool { return v.Bridge.Controllers[0].Target == "tcp:192.0.2.1:6653" }, false},
		{"controller replaced",
			func() { h.vsctl("set-controller", "br-weft", "tcp:192.0.2.1:6653", "tcp:192.0.2.2:6653") },
			func(v *View) bool { return len(v.Bridge.Controllers) == 2 }, false},
		{"controller deleted",
			func() { h.vsctl("del-controller", "br-weft") },
			func(v *View) bool { return len(v.Bridge.Controllers) == 0 }, false},
		{"controller in-band and without limit",
			func() {
				h.vsctl("set", "Controller", "br-weft", "connection_mode=in-band", "--", "clear", "Controller", "br-weft", "controller_rate_limit")
			},
			func(v *View) bool { return v.Bridge.Controllers[0].ConnectionMode == "in-band" }, false},
		{"fail mode, protocols, datapath id and mark",
			func() {
				h.vsctl("set", "Bridge", "br-weft", "fail_mode=standalone", "protocols=OpenFlow10,OpenFlow13",
					"other_config:datapath-id=0000000000000001", "--", "remove", "Bridge", "br-weft", "external_ids", "weft")
			},
			func(v *View) bool { return v.Bridge.FailMode == "standalone" }, false},
		{"tunnel's options and number",
			func() {
				h.vsctl("set", "Interface", "weft-vxlan", "options:remote_ip=192.0.2.9", "options:df_default=false", "ofport_request=7")
			},
			func(v *View) bool { return v.findPort("weft-vxlan").Interfaces[0].OFPortRequest == 7 }, false},
		{"tunnel's type",
			func() { h.vsctl("set", "Interface", "weft-vxlan", "type=geneve") },
			func(v *View) bool { return v.findPort("weft-vxlan").Interfaces[0].Type == "geneve" }, false},
		{"tunnel's marks",
			func() {
				h.vsctl("clear", "Interface", "weft-vxlan", "external_ids", "--", "clear", "Port", "weft-vxlan", "external_ids")
			},
			func(v *View) bool { return len(v.findPort("weft-vxlan").ExternalIDs) == 0 }, false},
		{"tunnel became a bond",
			func() {
				h.vsctl("--", "--id=@i", "create", "Interface", "name=extra", "--", "add", "Port", "weft-vxlan", "interfaces", "@i")
			},
			func(v *View) bool { return len(v.findPort("weft-vxlan").Interfaces) == 2 }, false},
		{"tunnel moved to another bridge",
			func() {
				port := h.vsctl("get", "Port", "weft-vxlan", "_uuid")
				h.vsctl("add-br", "br-thief", "--", "remove", "Bridge", "br-weft", "ports", port, "--", "add", "Bridge", "br-thief", "ports", port)
			},
			func(v *View) bool { return len(v.Strays) == 1 }, false},
		{"a second tunnel port with our mark",
			func() {
				h.vsctl("add-port", "br-weft", "weft-old", "--", "set", "Port", "weft-old", "external_ids:weft=cluster-a",
					"--", "set", "Interface", "weft-old", "type=vxlan")
			},
			func(v *View) bool { return v.findPort("weft-old") != nil }, false},
		{"local port's rows deleted",
			func() {
				h.vsctl("remove", "Bridge", "br-weft", "ports", h.vsctl("get", "Port", "br-weft", "_uuid"))
			},
			func(v *View) bool { return v.findPort("br-weft") == nil }, false},
		{"table names lost, changed and added",
			func() {
				h.vsctl("clear", "Bridge", "br-weft", "flow_tables",
					"--", "--id=@a", "create", "Flow_Table", "name=wrong", "flow_limit=77",
					"--", "--id=@b", "create", "Flow_Table", "name=stale", "external_ids:weft=cluster-a",
					"--", "set", "Bridge", "br-weft", "flow_tables:0=@a", "flow_tables:9=@b")
			},
			func(v *View) bool { return v.Bridge.FlowTables[9].Name == "stale" }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before, _ := c.View()
			tt.damage()
			await(t, c, tt.name, tt.seen)
			ensure(t, c, w, true)
			ensure(t, c, w, false)
			after, _ := c.View()
			if (after.Bridge.UUID != before.Bridge.UUID) != tt.replaced {
				t.Errorf("bridge row %s became %s", before.Bridge.UUID, after.Bridge.UUID)
			}
			checkRight(t, after)
			if n := strings.Count(controller(), "-") / 4; n != 1 {
				t.Errorf("%d controllers", n)
			}
		})
	}
	if got := h.vsctl("--columns=flow_limit", "--bare", "find", "Flow_Table", "name=classify"); got != "77" {
		t.Errorf("flow_limit of a table that somebody configured is %q, want 77", got)
	}
}

// checkRight says whether the View is that of wanted(), by its own words rather
// than by asking plan again.
func checkRight(t *testing.T, v *View) {
	t.Helper()
	b := v.Bridge
	if b.FailMode != "secure" || len(b.Protocols) != 0 || b.ExternalIDs[MarkKey] != "cluster-a" ||
		b.OtherConfig["datapath-id"] != "1234567890abcdef" || b.OtherConfig["disable-in-band"] != "true" || b.DatapathType != "netdev" {
		t.Errorf("bridge %+v", b)
	}
	if len(b.Controllers) != 1 {
		t.Fatalf("controllers %+v", b.Controllers)
	}
	if k := b.Controllers[0]; k.Target != "tcp:127.0.0.1:1" || k.ConnectionMode != "out-of-band" || k.RateLimit != 1000 || k.ExternalIDs[MarkKey] != "cluster-a" {
		t.Errorf("controller %+v", k)
	}
	names := make(map[int]string)
	for n, f := range b.FlowTables {
		names[n] = f.Name
	}
	if !maps.Equal(names, map[int]string{0: "classify", 10: "security"}) {
		t.Errorf("tables %v", names)
	}
	if len(v.Ports) != 2 || v.findPort("br-weft") == nil || len(v.Strays) != 0 {
		t.Fatalf("ports %+v, strays %+v", v.Ports, v.Strays)
	}
	p := v.findPort("weft-vxlan")
	if p == nil || len(p.Interfaces) != 1 {
		t.Fatalf("tunnel port %+v", p)
	}
	if i := p.Interfaces[0]; i.Type != "vxlan" || i.OFPortRequest != 100 || p.ExternalIDs[MarkKey] != "cluster-a" || i.ExternalIDs[MarkKey] != "cluster-a" ||
		!maps.Equal(i.Options, map[string]string{"remote_ip": "flow", "key": "flow"}) {
		t.Errorf("tunnel %+v", i)
	}
}

// What changes in place keeps its rows, so that ovs-vswitchd neither flushes
// flows nor makes a tunnel device anew.
func TestRowsAreEditedNotReplaced(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	c := h.join(Config{})
	w := wanted()
	ensure(t, c, w, true)
	before, _ := c.View()

	w.ControllerTargets = []string{"tcp:127.0.0.1:2", "tcp:127.0.0.1:3"}
	w.Ports[0].Options = map[string]string{"remote_ip": "flow", "key": "flow", "csum": "true"}
	w.TableNames = map[int]string{0: "entry", 10: "security"}
	ensure(t, c, w, true)
	after, _ := c.View()
	old := before.Bridge.Controllers[0].UUID
	i := slices.IndexFunc(after.Bridge.Controllers, func(k Controller) bool { return k.UUID == old })
	if len(after.Bridge.Controllers) != 2 || i < 0 {
		t.Errorf("controllers %+v became %+v", before.Bridge.Controllers, after.Bridge.Controllers)
	}
	if b, a := before.findPort("weft-vxlan"), after.findPort("weft-vxlan"); a.UUID != b.UUID || a.Interfaces[0].UUID != b.Interfaces[0].UUID || a.Interfaces[0].Options["csum"] != "true" {
		t.Errorf("port %+v became %+v", b, a)
	}
	if b, a := before.Bridge.FlowTables[0], after.Bridge.FlowTables[0]; a.UUID != b.UUID || a.Name != "entry" {
		t.Errorf("table 0 %+v became %+v", b, a)
	}

	// Of two, the one that fits stays, whichever comes first.
	for i := range 2 {
		keep := after.Bridge.Controllers[i]
		w.ControllerTargets = []string{keep.Target}
		ensure(t, c, w, true)
		last, _ := c.View()
		if len(last.Bridge.Controllers) != 1 || last.Bridge.Controllers[0].UUID != keep.UUID {
			t.Errorf("of %+v stays %+v", after.Bridge.Controllers, last.Bridge.Controllers)
		}
		ensure(t, c, w, false)
		w.ControllerTargets = []string{"tcp:127.0.0.1:2", "tcp:127.0.0.1:3"}
		ensure(t, c, w, true)
		after, _ = c.View()
	}
}

func TestControllerAddedBesideOursIsLeftAlone(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	c := h.join(Config{})
	w := wanted()
	ensure(t, c, w, true)
	h.vsctl("--", "--id=@k", "create", "Controller", "target=\"ptcp:6654:127.0.0.1\"", "--", "add", "Bridge", "br-weft", "controller", "@k")
	await(t, c, "two controllers", func(v *View) bool { return len(v.Bridge.Controllers) == 2 })
	ensure(t, c, w, false)
}

// rows is the database as lines, without the Open_vSwitch row (which lists the
// bridges and counts configurations).
func (h *host) rows() []string {
	h.t.Helper()
	var lines []string
	for _, table := range []string{"Bridge", "Port", "Interface", "Controller", "Manager", "Flow_Table", "Mirror", "QoS"} {
		for line := range strings.Lines(h.run("ovsdb-client", "--format=csv", "--no-headings", "dump", h.db(), "Open_vSwitch", table)) {
			lines = append(lines, table+" "+strings.TrimSpace(line))
		}
	}
	return lines
}

// No ovs-vswitchd here, so that nothing but Ensure changes the database.
func TestOtherBridgesAreNotTouched(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	h.vsctl("add-br", "br-int", "--", "set-fail-mode", "br-int", "standalone", "--", "set-controller", "br-int", "tcp:192.0.2.7:6653",
		"--", "add-port", "br-int", "tap0", "tag=5", "--", "set", "Interface", "tap0", "external_ids:iface-id=x",
		"--", "add-port", "br-int", "vx", "--", "set", "Interface", "vx", "type=vxlan", "options:remote_ip=flow", "options:key=flow",
		"--", "set", "Port", "vx", "external_ids:weft=cluster-a",
		"--", "--id=@f", "create", "Flow_Table", "name=theirs", "--", "set", "Bridge", "br-int", "flow_tables:0=@f")
	c := h.join(Config{})
	h.run("ovs-vsctl", "--db="+h.db(), "--no-wait", "--", "--id=@m", "create", "Manager", "target=\"ptcp:0:127.0.0.1\"", "--", "add", "Open_vSwitch", ".", "manager_options", "@m")
	await(t, c, "both", func(v *View) bool { return slices.Equal(v.OtherBridges, []string{"br-int"}) })
	// The Manager row's status says how long we are connected; the server
	// updates it every few seconds.
	stable := func() []string {
		var out []string
		for _, l := range h.rows() {
			if !strings.HasPrefix(l, "Manager") {
				out = append(out, l)
			}
		}
		return append(out, h.vsctl("get-manager"))
	}
	before := stable()
	if len(before) < 8 {
		t.Fatalf("the dump is too small to prove anything: %q", before)
	}
	w := wanted()
	ensure(t, c, w, true)
	w.Ports[0].OfportRequest = 101
	ensure(t, c, w, true)
	w.Ports = nil
	ensure(t, c, w, true)
	after := stable()
	for _, line := range before {
		if !slices.Contains(after, line) {
			t.Errorf("gone or changed: %s", line)
		}
	}
	if got := h.vsctl("list-ports", "br-weft"); got != "" {
		t.Errorf("ports on br-weft: %s", got)
	}
}

// A Flow_Table or Controller row that another bridge refers to as well is not
// ours to edit.
func TestSharedRowsAreNotEdited(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	h.vsctl("add-br", "br-weft", "--", "add-br", "br-int",
		"--", "--id=@f", "create", "Flow_Table", "name=theirs", "--", "set", "Bridge", "br-int", "flow_tables:0=@f", "--", "set", "Bridge", "br-weft", "flow_tables:0=@f",
		"--", "--id=@k", "create", "Controller", "target=\"tcp:192.0.2.7:6653\"", "--", "set", "Bridge", "br-int", "controller=@k", "--", "set", "Bridge", "br-weft", "controller=@k")
	c := h.join(Config{})
	w := wanted()
	w.Adopt = true
	ensure(t, c, w, true)
	v, _ := c.View()
	checkRight(t, v)
	if got := h.vsctl("get-controller", "br-int"); got != "tcp:192.0.2.7:6653" {
		t.Errorf("the controller of br-int is now %q", got)
	}
	if got := h.vsctl("get", "Flow_Table", h.vsctl("get", "Bridge", "br-int", "flow_tables:0"), "name"); got != "theirs" {
		t.Errorf("the table of br-int is now %q", got)
	}
}

func TestRefusedOperationNamesTableAndRow(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	c := h.join(Config{})
	w := wanted()
	w.Ports[0].OfportRequest = 70000 // the schema allows 65279
	_, err := c.Ensure(t.Context(), w)
	if err == nil || !strings.Contains(err.Error(), `create Interface "weft-vxlan": constraint violation`) {
		t.Errorf("Ensure: %v", err)
	}
	if v, _ := c.View(); v.Bridge != nil {
		t.Error("half of it was done")
	}
}

func TestWantedIsValidated(t *testing.T) {
	for name, spoil := range map[string]func(*Wanted){
		"no mark":        func(w *Wanted) { w.Mark = "" },
		"no datapath id": func(w *Wanted) { w.DatapathID = 0 },
		"no controller":  func(w *Wanted) { w.ControllerTargets = nil },
		"nameless port":  func(w *Wanted) { w.Ports[0].Name = "" },
		"a foreign key":  func(w *Wanted) { w.Ports[0].ExternalIDs = map[string]string{"iface-id": "x"} },
		"one port twice": func(w *Wanted) { w.Ports = append(w.Ports, w.Ports[0]) },
	} {
		w := wanted()
		spoil(&w)
		if w.validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := wanted().validate(); err != nil {
		t.Error(err)
	}
}
