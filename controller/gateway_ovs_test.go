package controller_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/weft-sdn/weft/controller"
	"github.com/weft-sdn/weft/internal/ovstest"
	"github.com/weft-sdn/weft/model"
)

// site is a controller and hosts with an Open vSwitch each, whose devices are
// dummies.
type site struct {
	*testing.T
	dir   string
	c     *controller.Controller
	stop  func()
	hosts []*ovstest.OVS
	doors [2]string // where the controller listens, once it has
}

func newSite(t *testing.T, hosts int) *site {
	s := &site{T: t, dir: t.TempDir() + "/data", doors: [2]string{"127.0.0.1:0", "127.0.0.1:0"}}
	s.start()
	t.Cleanup(func() { s.stop() })
	for i := range hosts {
		o := ovstest.StartDummies(t)
		o.VSCtl("set", "Open_vSwitch", ".", fmt.Sprintf("external_ids:system-id=id%d", i+1), fmt.Sprintf("external_ids:hostname=host%d", i+1),
			fmt.Sprintf("external_ids:weft-vtep=198.18.0.%d", i+1), "external_ids:weft-datapath=netdev",
			"--", "set-manager", "tcp:"+s.doors[0])
		s.hosts = append(s.hosts, o)
		// One after the other, so that their numbers are known.
		eventually(t, "a host to join", func() bool { return len(s.c.Hosts()) == i+1 })
	}
	s.synchronized()
	return s
}

func (s *site) start() {
	s.Helper()
	c, err := controller.Open(controller.Config{
		DataDir: s.dir, OVSDBListen: s.doors[0], OpenFlowListen: s.doors[1], Repair: true, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- c.Serve(ctx) }()
	s.c, s.stop = c, func() {
		cancel()
		<-served
		c.Close()
	}
	eventually(s.T, "the doors to open", func() bool { a, _ := c.Addresses(); return a != nil })
	ovsdb, openflow := c.Addresses()
	s.doors = [2]string{ovsdb.String(), openflow.String()}
}

func (s *site) restart() {
	s.Helper()
	s.stop()
	s.start()
	s.synchronized()
}

func (s *site) synchronized() {
	s.Helper()
	eventually(s.T, "all hosts to have what is wanted", func() bool {
		r := s.c.Ready()
		return r.Ready && len(r.Hosts) == 0 && len(s.c.Hosts()) == len(s.hosts)
	})
}

// network puts a network, and waits until it is everywhere.
func (s *site) network(name, subnet string, gateway *model.Gateway) {
	s.Helper()
	n := model.Network{Name: name, Subnets: []model.Prefix{model.MustPrefix(subnet)}, Gateway: gateway}
	if _, _, err := s.c.PutNetwork(s.Context(), n, controller.WriteOptions{Wait: true}); err != nil {
		s.Fatal(err)
	}
}

// endpoint declares an endpoint and plugs it in at a host.
func (s *site) endpoint(network, id string, host int) model.Endpoint {
	s.Helper()
	s.hosts[host-1].VSCtl("add-port", "br-weft", "p-"+id, "--", "set", "Interface", "p-"+id, "external_ids:iface-id="+id)
	if _, _, err := s.c.CreateEndpoint(s.Context(), model.Endpoint{ID: id, Network: network}, controller.WriteOptions{}); err != nil {
		s.Fatal(err)
	}
	var e model.Endpoint
	eventually(s.T, "endpoint "+id+" to be installed", func() bool {
		e, _ = s.c.Endpoint(id)
		return e.State == model.Installed
	})
	return e
}

// interfaceOf is a column of an Interface row, empty while there is no row.
func (s *site) interfaceOf(host int, name, column string) string {
	s.Helper()
	return strings.TrimSpace(s.hosts[host-1].VSCtl("--no-wait", "--bare", "--columns="+column, "find", "Interface", "name="+name))
}

func (s *site) becomes(host int, name, column, want string) {
	s.Helper()
	var got string
	defer func() {
		if s.Failed() {
			s.Logf("%s of %s on host%d is %q, want %q", column, name, host, got, want)
		}
	}()
	eventually(s.T, fmt.Sprintf("%s of %s on host%d", column, name, host), func() bool {
		got = s.interfaceOf(host, name, column)
		return got == want
	})
}

// condition waits until a network has, or has not, a condition.
func (s *site) condition(network, typ string, want bool) {
	s.Helper()
	var n model.Network
	eventually(s.T, fmt.Sprintf("condition %s of %s to be %v", typ, network, want), func() bool {
		n, _ = s.c.Network(network)
		return slices.ContainsFunc(n.Conditions, func(c model.Condition) bool { return c.Type == typ }) == want
	})
}

// startVswitchd starts ovs-vswitchd anew after it was killed.
func (s *site) startVswitchd(host int) {
	s.Helper()
	o := s.hosts[host-1]
	c := o.Command("ovs-vswitchd", "unix:"+o.Path("db.sock"), "--enable-dummy=override", "--disable-system",
		"--unixctl="+o.Path("again.ctl"), "--log-file="+o.Path("again.log"), "-vconsole:off")
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
}

func addresses(of ...string) (out []model.Addr) {
	for _, a := range of {
		out = append(out, model.MustAddr(a))
	}
	return out
}

func TestAGatewayHostHasThePortToItsKernel(t *testing.T) {
	s := newSite(t, 2)
	snat := &model.Gateway{Addresses: addresses("10.0.1.1"), Mode: model.GatewaySNAT, Hosts: []string{"host1"}}
	s.network("net1", "10.0.1.0/24", snat)
	s.endpoint("net1", "e1", 2)

	for column, want := range map[string]string{
		"type":        "internal",
		"mac":         "02:77:65:67:00:01",
		"mtu_request": "1450",
		"error":       "",
	} {
		s.becomes(1, "weft-gw", column, want)
	}
	s.synchronized()
	if flows := s.hosts[0].OFCtl("", "dump-flows", "br-weft"); !strings.Contains(flows, "nat(src=100.65.0.1)") {
		t.Errorf("the gateway host does not translate:\n%s", flows)
	}
	ids := s.interfaceOf(1, "weft-gw", "external_ids")
	for _, want := range []string{
		"weft-address=100.64.0.1/32 fd77:6566:7400::1/128",
		"weft-router=100.64.127.255 fd77:6566:7400::7fff",
		"weft-router-mac=02:77:65:66:74:01",
		"weft-transit=100.64.0.0/10 fd77:6566:7400::/64",
	} {
		if !strings.Contains(ids, want) {
			t.Errorf("%q is not in %q", want, ids)
		}
	}
	if strings.Contains(ids, "weft-routes") || strings.Contains(ids, "weft-forwards") {
		t.Errorf("nothing reaches in, and yet %q", ids)
	}
	if got := s.interfaceOf(2, "weft-gw", "name"); got != "" {
		t.Error("a host that is no gateway has the port")
	}

	// Somebody else's change is undone.
	s.hosts[0].VSCtl("set", "Interface", "weft-gw", `mac="02:00:00:00:00:05"`, "external_ids:weft-routes=10.9.9.0/24")
	s.becomes(1, "weft-gw", "mac", "02:77:65:67:00:01")
	s.becomes(1, "weft-gw", "external_ids", ids)

	// The host's side is its own to report.
	s.condition("net1", model.GatewayNotReady, true)
	s.hosts[0].VSCtl("set", "Open_vSwitch", ".", "external_ids:weft-agent=ready")
	s.condition("net1", model.GatewayNotReady, false)
	s.condition("net1", model.GatewayDown, false)

	// What reaches in is said there.
	access := *snat
	access.HostAccess = true
	s.network("net1", "10.0.1.0/24", &access)
	if _, _, err := s.c.CreateForward(t.Context(), model.Forward{Network: "net1", Port: 8080, Endpoint: "e1", EndpointPort: 80}, controller.WriteOptions{Wait: true}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "routes and forwards", func() bool {
		ids := s.interfaceOf(1, "weft-gw", "external_ids")
		return strings.Contains(ids, "weft-routes=10.0.1.0/24") && strings.Contains(ids, "weft-forwards=tcp/0.0.0.0:8080>100.65.0.1:80")
	})

	// Another host takes over.
	moved := access
	moved.Hosts = []string{"host2"}
	s.network("net1", "10.0.1.0/24", &moved)
	s.becomes(2, "weft-gw", "mac", "02:77:65:67:00:02")
	s.becomes(1, "weft-gw", "name", "")
	forwards, err := s.c.Forwards("net1")
	if err != nil || len(forwards) != 1 {
		t.Fatalf("forwards %v: %v", forwards, err)
	}
	if _, err := s.c.DeleteForward(t.Context(), "net1", forwards[0].ID, controller.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.network("net1", "10.0.1.0/24", nil)
	s.becomes(2, "weft-gw", "name", "")
	s.synchronized()
}

func TestEveryHostIsItsOwnWayOut(t *testing.T) {
	s := newSite(t, 2)
	s.network("net1", "10.0.1.0/24", &model.Gateway{Addresses: addresses("10.0.1.1"), Mode: model.GatewaySNAT})
	s.endpoint("net1", "e1", 2)
	s.becomes(2, "weft-gw", "mac", "02:77:65:67:00:02")
	if got := s.interfaceOf(1, "weft-gw", "name"); got != "" {
		t.Error("a host without an endpoint has the port")
	}
	if _, err := s.c.DeleteEndpoint(t.Context(), "e1", controller.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.becomes(2, "weft-gw", "name", "")
}

// BFD itself does not run between dummies; ovs-vswitchd is told what it saw.
func TestGatewaysAreWatched(t *testing.T) {
	s := newSite(t, 3)
	two := &model.Gateway{Addresses: addresses("10.0.1.1"), Mode: model.GatewaySNAT, Hosts: []string{"host1", "host2"}}
	s.network("net1", "10.0.1.0/24", two)
	s.endpoint("net1", "e1", 3)
	const right = "cpath_down=false enable=true min_rx=100 min_tx=100 mult=3"
	for _, pair := range [][2]int{{1, 2}, {1, 3}, {2, 1}, {2, 3}, {3, 1}, {3, 2}} {
		port := fmt.Sprintf("weft-bfd-%d", pair[1])
		s.becomes(pair[0], port, "bfd", right)
		s.becomes(pair[0], port, "options", fmt.Sprintf("key=16777215 remote_ip=198.18.0.%d", pair[1]))
	}
	see := func(host, gateway int, alive bool) {
		if _, err := s.hosts[host-1].Control("bfd/set-forwarding", fmt.Sprintf("weft-bfd-%d", gateway), fmt.Sprint(alive)); err != nil {
			t.Fatal(err)
		}
	}
	s.condition("net1", model.GatewayDown, false) // BFD may still be coming up
	see(3, 2, true)
	see(3, 1, true)
	see(3, 1, false)
	s.condition("net1", model.GatewayDown, false)
	see(3, 2, false)
	s.condition("net1", model.GatewayDown, true)
	see(3, 1, true)
	s.condition("net1", model.GatewayDown, false)

	// A controller that was away changes nothing.
	before := s.interfaceOf(1, "weft-bfd-3", "_uuid,bfd")
	cfg := s.hosts[0].VSCtl("get", "Open_vSwitch", ".", "next_cfg")
	s.restart()
	s.condition("net1", model.GatewayDown, false)
	if after := s.interfaceOf(1, "weft-bfd-3", "_uuid,bfd"); after != before {
		t.Errorf("%q became %q", before, after)
	}
	if after := s.hosts[0].VSCtl("get", "Open_vSwitch", ".", "next_cfg"); after != cfg {
		t.Errorf("next_cfg was %s and is %s: something was written to a host that was right", cfg, after)
	}

	// A switch that is lost is no gateway until it has its flows again.
	if err := s.hosts[0].Process("ovs-vswitchd").Kill(); err != nil {
		t.Fatal(err)
	}
	s.becomes(1, "weft-bfd-3", "bfd", strings.Replace(right, "cpath_down=false", "cpath_down=true", 1))
	s.startVswitchd(1)
	s.becomes(1, "weft-bfd-3", "bfd", right)

	// With one gateway there is nothing to choose from.
	one := *two
	one.Hosts = []string{"host2"}
	s.network("net1", "10.0.1.0/24", &one)
	s.becomes(3, "weft-bfd-1", "name", "")
	s.becomes(3, "weft-bfd-2", "name", "")
	s.becomes(2, "weft-bfd-3", "name", "")
}

func TestGatewayHostsThatDoNotExist(t *testing.T) {
	s := newSite(t, 2)
	s.network("net1", "10.0.1.0/24", &model.Gateway{Addresses: addresses("10.0.1.1"), Mode: model.GatewaySNAT, Hosts: []string{"host9"}})
	s.endpoint("net1", "e1", 1)
	s.condition("net1", model.HostUnknown, true)
	s.condition("net1", model.GatewayDown, true)
	if got := s.interfaceOf(1, "weft-gw", "name"); got != "" {
		t.Error("a host that is not named became a way out")
	}
	// It comes.
	s.hosts[1].VSCtl("set", "Open_vSwitch", ".", "external_ids:hostname=host9")
	s.condition("net1", model.HostUnknown, false)
	s.condition("net1", model.GatewayDown, false)
	s.becomes(2, "weft-gw", "mac", "02:77:65:67:00:02")
	// And is deleted while in use.
	s.hosts[1].VSCtl("--no-wait", "del-manager")
	eventually(t, "the host to be deleted", func() bool {
		s.hosts[1].VSCtl("--no-wait", "--", "--if-exists", "del-br", "br-weft")
		_, err := s.c.DeleteHost(t.Context(), "host9", controller.WriteOptions{})
		return err == nil
	})
	s.hosts = s.hosts[:1]
	s.condition("net1", model.HostUnknown, true)
	s.condition("net1", model.GatewayDown, true)
	s.synchronized()
}
