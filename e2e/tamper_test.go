package e2e

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/model"
)

// tamper does something to host1 behind the controller's back, waits until
// all is as it was, and looks at what the controller says of it.
func (s *site) tamper(what string, limit time.Duration, do func()) {
	s.t.Helper()
	s.synchronized(soon, "host1")
	wanted, before := s.mustProgram("host1"), s.host("host1")
	do()
	took := s.within(limit, what+" is repaired", func() error {
		got, err := s.program("host1")
		if err == nil && got != wanted {
			err = fmt.Errorf("host1 has\n%s\nand had\n%s", got, wanted)
		}
		return err
	})
	s.t.Logf("%s: repaired after %v", what, took.Round(time.Millisecond))
	s.within(soon, what+" is counted and reported", func() error {
		h, err := s.api.Host(s.ctx, "host1")
		switch {
		case err != nil:
			return err
		case h.Repairs <= before.Repairs:
			return fmt.Errorf("repairs %d, before %d", h.Repairs, before.Repairs)
		case !strings.Contains(h.LastError, "somebody else") && condition(h.Conditions, model.Tampered) == "":
			return fmt.Errorf("last error %q, conditions %v", h.LastError, h.Conditions)
		}
		return nil
	})
}

func TestTamperingWithFlowsAndGroupsIsRepaired(t *testing.T) {
	s := up(t, pairTopology)
	ofctl := func(args ...string) func() {
		return func() { s.on("host1", "ovs-ofctl", args...) }
	}
	// A flow of the way to the other host, by its cookie.
	var path string
	for _, line := range lines(s.on("host1", "ovs-ofctl", "dump-flows", "br-weft"), "cookie=") {
		if strings.Contains(line, "table=65") && strings.Contains(line, "load") || strings.Contains(line, "tun_dst") {
			path, _, _ = strings.Cut(strings.TrimPrefix(line, "cookie="), ",")
		}
	}
	if path == "" {
		t.Fatal("host1 has no flow that leads to host2")
	}
	s.tamper("del-flows", promised, ofctl("del-flows", "br-weft"))
	s.tamper("mod-flows that keeps the cookie", promised, ofctl("mod-flows", "br-weft", "cookie="+path+"/-1,actions=drop"))
	s.tamper("a foreign flow", promised, ofctl("add-flow", "br-weft", "table=0,priority=999,ip,actions=normal"))
	s.tamper("a foreign flow in a table of its own", promised, ofctl("add-flow", "br-weft", "table=200,priority=1,actions=drop"))
	s.tamper("a flow over one of ours", promised, ofctl("add-flow", "br-weft", "table=80,priority=0,actions=flood"))
	s.tamper("replace-flows", promised, func() {
		s.on("host1", "sh", "-c", "echo 'priority=0,actions=normal' | ovs-ofctl replace-flows br-weft -")
	})
	s.tamper("del-groups", promisedGroups, ofctl("-O", "OpenFlow14", "del-groups", "br-weft"))
	s.tamper("mod-group", promisedGroups, ofctl("-O", "OpenFlow14", "mod-group", "br-weft", fmt.Sprintf("group_id=%d,type=all", 1<<24|5000)))
	s.tamper("a foreign group", promisedGroups, ofctl("-O", "OpenFlow14", "add-group", "br-weft", "group_id=7,type=all,bucket=actions=drop"))
	s.check()
}

var portNumber = regexp.MustCompile(`(in_port=|output:)\d+`)

// anyPort makes programs comparable over a port that was made anew, and with
// that has another number.
func anyPort(program string) string {
	all := strings.Split(portNumber.ReplaceAllString(program, "$1*"), "\n")
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func TestRowsThatAreTamperedWithAreRepaired(t *testing.T) {
	s := up(t, pairTopology)
	repaired := func(what string, holds func() error, command ...string) {
		t.Helper()
		s.synchronized(soon, "host1")
		wanted, before := anyPort(s.mustProgram("host1")), s.host("host1").Repairs
		s.vsctl("host1", append([]string{"--no-wait"}, command...)...)
		took := s.within(promised, what+" is repaired", holds)
		t.Logf("%s: the row is repaired after %v", what, took.Round(time.Millisecond))
		s.within(soon, what+": the flows are back", func() error {
			got, err := s.program("host1")
			if got = anyPort(got); err == nil && got != wanted {
				err = fmt.Errorf("host1 has\n%s\nand had\n%s", got, wanted)
			}
			return err
		})
		s.synchronized(soon, "host1")
		if h := s.host("host1"); h.Repairs <= before || h.LastError == "" {
			t.Errorf("%s: %d repairs, before %d, last error %q", what, h.Repairs, before, h.LastError)
		}
	}
	column := func(want string, get ...string) func() error {
		return func() error {
			got, err := s.Host("host1").Run(s.ctx, "ovs-vsctl", append([]string{"--timeout=5"}, get...)...)
			if err == nil && strings.TrimSpace(got) != want {
				err = fmt.Errorf("%v is %q, not %q", get, strings.TrimSpace(got), want)
			}
			return err
		}
	}
	target := s.vsctl("host1", "get-controller", "br-weft")
	if target == "" {
		t.Fatal("br-weft has no controller")
	}
	ports := s.vsctl("host1", "list-ports", "br-weft")
	datapath := s.vsctl("host1", "get", "Bridge", "br-weft", "other_config:datapath-id")

	repaired("a deleted tunnel port", column(ports, "list-ports", "br-weft"), "del-port", "br-weft", "weft-vxlan")
	repaired("changed options of the tunnel port", column(`flow`, "get", "Interface", "weft-vxlan", "options:remote_ip"), "set", "Interface", "weft-vxlan", "options:remote_ip=192.0.2.99")
	repaired("a changed controller target", column(target, "get-controller", "br-weft"), "set", "Controller", "br-weft", `target="tcp:192.0.2.200:6653"`)
	repaired("set-controller", column(target, "get-controller", "br-weft"), "set-controller", "br-weft", "tcp:192.0.2.200:6653")
	repaired("del-controller", column(target, "get-controller", "br-weft"), "del-controller", "br-weft")
	repaired("a changed fail mode", column("secure", "get-fail-mode", "br-weft"), "set-fail-mode", "br-weft", "standalone")
	repaired("restricted protocols", column("[]", "get", "Bridge", "br-weft", "protocols"), "set", "Bridge", "br-weft", "protocols=OpenFlow13")
	repaired("a changed datapath id", column(datapath, "get", "Bridge", "br-weft", "other_config:datapath-id"), "set", "Bridge", "br-weft", "other_config:datapath-id=0000000000001234")
	names := []string{"--bare", "--columns=name", "find", "Flow_Table", "name=deliver"}
	repaired("forgotten table names", column("deliver", names...), "--", "clear", "Bridge", "br-weft", "flow_tables")
	s.check()
}

func TestADeletedBridgeComesBack(t *testing.T) {
	s := up(t, pairTopology)
	s.synchronized(soon, "host1")
	wanted := s.mustProgram("host1")
	start := time.Now()
	s.vsctl("host1", "--no-wait", "del-br", "br-weft")
	s.within(promised, "the bridge and its tunnel port are back", func() error {
		ports, err := s.Host("host1").Run(s.ctx, "ovs-vsctl", "--timeout=5", "list-ports", "br-weft")
		if err == nil && strings.TrimSpace(ports) != "weft-vxlan" {
			err = errors.New("its ports are: " + ports)
		}
		return err
	})
	t.Logf("the rows are back after %v", time.Since(start))
	s.openFlow("host1", model.Connected)
	t.Logf("it is connected after %v", time.Since(start))
	if h := s.host("host1"); h.Repairs == 0 {
		t.Error("it was not counted")
	}
	// The endpoint's port is a user's, and went with the bridge.
	s.becomes(soon, "one", model.Declared, "")
	s.synchronized(soon, "host1")
	t.Logf("it is synchronized after %v", time.Since(start))
	c := s.Container("one")
	s.vsctl("host1", "add-port", "br-weft", c.Port(), "--", "set", "Interface", c.Port(), "external_ids:iface-id="+c.Endpoint().ID)
	s.becomes(soon, "one", model.Installed, "host1")
	if got := s.mustProgram("host1"); anyPort(got) != anyPort(wanted) {
		t.Errorf("host1 has\n%s\nand had\n%s", got, wanted)
	}
	s.check()
}
