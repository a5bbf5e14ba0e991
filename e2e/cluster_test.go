package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func TestAControllerWithAnEmptyDataDirectoryChangesNothingUntilItIsToldTo(t *testing.T) {
	s := up(t, pairTopology)
	pings := s.ping("one", "two")
	mark := s.vsctl("host1", "get", "Bridge", "br-weft", "external_ids:weft")
	ages, databases := s.agesOf("host1", "host2"), s.databasesOf("host1", "host2")

	s.must(s.KillController(s.ctx))
	data := filepath.Join(s.controllerDir(), "data")
	s.must(os.Rename(data, data+".lost"))
	s.must(s.StartController(s.ctx))
	for _, host := range []string{"host1", "host2"} {
		s.hostSays(host, model.ForeignCluster, "adopt", strings.Trim(mark, `"`))
	}
	// It is told of a network, too, and still keeps off.
	_, _, err := s.api.Apply(s.ctx, s.Topology.Document(), client.WriteOptions{})
	s.must(err)
	s.answered(pings, 100)
	for _, host := range []string{"host1", "host2"} {
		s.untouched(host, ages[host])
		if now := s.database(host); now != databases[host] {
			t.Errorf("the database of %s was written: %s", host, lastWrites(databases[host], now))
		}
		if h := s.host(host); h.OVSDB != model.Connected || h.OpenFlow != model.Away || h.Synchronized {
			t.Errorf("%s is shown as %+v", host, h)
		}
	}
	s.noneLost(pings)

	// One is adopted, the other is not.
	out, err := s.weft("host", "adopt", "host1")
	s.must(err)
	t.Logf("weft host adopt: %s", strings.TrimSpace(out))
	s.synchronized(soon, "host1")
	if now := s.vsctl("host1", "get", "Bridge", "br-weft", "external_ids:weft"); now == mark {
		t.Error("adopted, and it bears the old mark")
	}
	if c := condition(s.host("host1").Conditions, model.ForeignCluster); c != "" {
		t.Errorf("adopted, and it says %s", c)
	}
	s.untouched("host2", ages["host2"])
	s.must(s.api.AdoptHost(s.ctx, "host2"))
	s.synchronized(soon, "host2")
	// The endpoints' ids are others now, as nobody gave them in the file.
	for _, name := range []string{"one", "two"} {
		c := s.Container(name)
		s.vsctl(c.Host.Name, "set", "Interface", c.Port(), "external_ids:iface-id="+s.endpoint(name).ID)
		s.becomes(soon, name, model.Installed, c.Host.Name)
	}
	s.check()
	// A restart finds both its own.
	s.restartController()
	s.synchronized(soon, "host1", "host2")
}

// durable are the columns of tables that say what somebody wants; the others
// say what happens.
var durable = map[string]string{
	"Bridge":    "name,ports,controller,fail_mode,datapath_type,external_ids,other_config,protocols,flow_tables,mirrors",
	"Port":      "name,interfaces,tag,trunks,external_ids,other_config",
	"Interface": "name,type,options,external_ids,other_config,mtu_request,ofport_request",
	"Manager":   "target,connection_mode,max_backoff,inactivity_probe,external_ids,other_config",
}

func (s *site) rows(host, table string, names ...string) string {
	s.t.Helper()
	return s.vsctl(host, append([]string{"--columns=" + durable[table], "list", table}, names...)...)
}

func TestWhatIsNotWeftsIsLeftAlone(t *testing.T) {
	s := build(t, pairTopology)
	s.synchronized(soon, "host1", "host2")
	s.vsctl("host1", "--no-wait",
		"add-br", "br-other", "--", "set", "Bridge", "br-other", "datapath_type=netdev", "external_ids:mine=yes", "other_config:hwaddr=02:00:00:00:00:44",
		"--", "add-port", "br-other", "mine0", "tag=7", "--", "set", "Interface", "mine0", "type=internal", "mtu_request=1400",
		"--", "set-controller", "br-other", "tcp:127.0.0.1:9999",
		"--", "--id=@m", "create", "Manager", `target="ptcp:6699:127.0.0.1"`, "inactivity_probe=1234", "--", "add", "Open_vSwitch", ".", "manager_options", "@m")
	look := func() string {
		return strings.Join([]string{
			s.rows("host1", "Bridge", "br-other", "br-phy"), s.rows("host1", "Port", "br-other", "mine0", "br-phy", "eth0"),
			s.rows("host1", "Interface", "br-other", "mine0", "br-phy", "eth0"), s.rows("host1", "Manager"),
			s.vsctl("host1", "get-controller", "br-other"),
		}, "\n")
	}
	before := look()
	s.must(s.Declare(s.ctx))
	s.must(s.PlugAll(s.ctx))
	c := s.Container("one")
	s.vsctl("host1", "set", "Port", c.Port(), "external_ids:mine=too", "--", "set", "Interface", c.Port(), "mtu_request=1400", "other_config:x=y")
	port := s.rows("host1", "Port", c.Port()) + s.rows("host1", "Interface", c.Port())
	s.restartController()
	s.synchronized(soon, "host1", "host2")
	s.tamper("del-flows", promised, func() { s.on("host1", "ovs-ofctl", "del-flows", "br-weft") })
	s.vsctl("host1", "--no-wait", "del-port", "br-weft", "weft-vxlan")
	s.synchronized(soon, "host1", "host2")
	s.check()
	if now := look(); now != before {
		t.Errorf("it was\n%s\nand is\n%s", before, now)
	}
	if now := s.rows("host1", "Port", c.Port()) + s.rows("host1", "Interface", c.Port()); now != port {
		t.Errorf("a user's port was\n%s\nand is\n%s", port, now)
	}
}

// dock makes br-weft as the stock ovs-docker does: nothing but a bridge.
func (s *site) dock(host string, more ...string) {
	s.t.Helper()
	s.vsctl(host, append([]string{"--no-wait", "--may-exist", "add-br", "br-weft", "--", "set", "Bridge", "br-weft", "datapath_type=netdev"}, more...)...)
}

func TestABridgeThatSomebodyMadeFirstIsAdopted(t *testing.T) {
	s := build(t, pairTopology)
	s.synchronized(soon, "host1", "host2")
	s.vsctl("host1", "del-manager")
	s.within(soon, "host1 is away", s.away("host1"))
	manager := s.vsctl("host2", "get-manager")
	s.vsctl("host1", "--no-wait", "del-br", "br-weft")
	s.dock("host1", "--", "set", "Bridge", "br-weft", "external_ids:mine=yes")
	bridge := s.vsctl("host1", "get", "Bridge", "br-weft", "_uuid")
	s.vsctl("host1", "--no-wait", "set-manager", manager)
	s.synchronized(soon, "host1")
	if now := s.vsctl("host1", "get", "Bridge", "br-weft", "_uuid"); now != bridge {
		t.Error("the bridge was made anew")
	}
	if got := s.vsctl("host1", "get", "Bridge", "br-weft", "external_ids:mine"); got != "yes" {
		t.Errorf("external_ids:mine is %s", got)
	}
	if got := s.vsctl("host1", "get-fail-mode", "br-weft"); got != "secure" {
		t.Errorf("fail_mode is %q", got)
	}
	s.must(s.Declare(s.ctx))
	s.must(s.PlugAll(s.ctx))
	s.check()
}

func TestABridgeWithAControllerOfItsOwnIsLeftAlone(t *testing.T) {
	s := build(t, pairTopology)
	s.synchronized(soon, "host1", "host2")
	s.vsctl("host1", "del-manager")
	s.within(soon, "host1 is away", s.away("host1"))
	s.vsctl("host1", "--no-wait", "del-br", "br-weft")
	s.dock("host1", "--", "set-controller", "br-weft", "tcp:127.0.0.1:9999")
	s.vsctl("host1", "--no-wait", "set-manager", s.vsctl("host2", "get-manager"))
	s.within(soon, "host1 is there", func() error { return s.connection("host1", model.Connected) })
	s.hostSays("host1", model.ForeignController, "tcp:127.0.0.1:9999", "adopt")
	before := s.database("host1")
	s.must(s.Declare(s.ctx))
	s.restartController()
	s.hostSays("host1", model.ForeignController, "tcp:127.0.0.1:9999")
	if now := s.database("host1"); now != before {
		t.Errorf("the database was written: %s", lastWrites(before, now))
	}
	// Its administrator takes the controller away, and that is enough.
	s.vsctl("host1", "--no-wait", "del-controller", "br-weft")
	s.synchronized(soon, "host1")
	s.must(s.PlugAll(s.ctx))
	s.check()
}
