package lab

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/model"
)

// separateNetworks makes two networks of the learning bridges: VLANs on the
// hosts, a VXLAN port for each between them.
func separateNetworks(t *testing.T, l *Lab) {
	t.Helper()
	vlan := map[string]string{}
	for i, n := range l.Topology.Networks {
		vlan[n.Name] = string(rune('1' + i))
	}
	for _, h := range l.hosts {
		args := []string{}
		for _, peer := range l.hosts {
			if peer == h {
				continue
			}
			args = append(args, "--", "del-port", interfaceName("vx-", peer.Name))
			for name, tag := range vlan {
				port := interfaceName("vx"+tag+"-", peer.Name)
				args = append(args, "--", "add-port", overlayBridge, port, "tag="+tag, "--", "set", "Interface", port,
					"type=vxlan", "options:key=10"+tag, "options:remote_ip="+peer.spec.Address.Addr().String())
				t.Logf("%s on %s: VNI 10%s", name, h.Name, tag)
			}
		}
		for _, c := range l.Containers() {
			if c.Host == h {
				args = append(args, "--", "set", "Port", c.Port(), "tag="+vlan[c.Endpoint().Network])
			}
		}
		if _, err := h.Run(t.Context(), "ovs-vsctl", args[1:]...); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEqualAddressesInIsolatedNetworksPassTheirChecks(t *testing.T) {
	l := buildByHand(t, loadTopology(t, "c"))
	separateNetworks(t, l)
	for _, r := range check(t, l, l.Topology.Expect) {
		// Learning bridges do flood ARP; everything else holds.
		if floods := r.Expectation.Neighbour != ""; (r.Err != nil) != floods {
			t.Errorf("%s: %v", r.Expectation, r.Err)
		}
	}
	// A leak that breaks nothing: what namespace_01 sends in red also comes
	// out at namespace_02 in green.
	leak := fmt.Sprintf("priority=100,in_port=%s,actions=normal,output:%s", l.Container("namespace_01").Port(), l.Container("namespace_02").Port())
	if _, err := l.Host("swarm-01").Run(t.Context(), "ovs-ofctl", "--names", "add-flow", overlayBridge, leak); err != nil {
		t.Fatal(err)
	}
	for _, r := range check(t, l, l.Topology.Expect) {
		e := r.Expectation
		switch {
		case e.From == "namespace_01" && e.To == "namespace_02":
			if r.Err == nil || !strings.Contains(r.Err.Error(), "came out at namespace_02") {
				t.Errorf("with a leak: %s: %v", e, r.Err)
			}
		case e.From == "namespace_03" && e.To == "namespace_02":
			// namespace_01 answers namespace_03, and its answers leak too.
		case e.Neighbour != "":
		case r.Err != nil:
			t.Errorf("with a leak elsewhere: %s: %v", e, r.Err)
		}
	}
}

func TestAPingSeriesCountsWhatAnOutageLoses(t *testing.T) {
	l := buildByHand(t, loadTopology(t, "a"))
	ctx := testContext(t)
	from, to, host := l.Container("doc1"), l.Container("doc3"), l.Host("host2")
	mustReach(t, l, "doc1", "doc3")
	pings, err := from.Ping(to.Addresses()[0], 10*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	answered := func(n int) {
		t.Helper()
		before := pings.Result().Received
		if err := until(ctx, "pings are answered", func() (bool, error) { return pings.Result().Received >= before+n, nil }); err != nil {
			t.Fatal(err)
		}
	}
	answered(30)
	if r := pings.Result(); r.Lost() > 2 { // those on their way
		t.Errorf("lost without an outage: %v", r)
	}
	if err := host.KillVswitchd(ctx); err != nil {
		t.Fatal(err)
	}
	lost := pings.Result().Lost()
	if err := until(ctx, "pings are lost", func() (bool, error) { return pings.Result().Lost() >= lost+20, nil }); err != nil {
		t.Fatal(err)
	}
	if err := host.StartVswitchd(ctx); err != nil {
		t.Fatal(err)
	}
	answered(30)
	r := pings.Stop()
	t.Log(r)
	if r.Lost() < 20 || r.LongestGap < 200*time.Millisecond {
		t.Errorf("an outage of 20 pings shows as %v", r)
	}
}

func TestAKilledSwitchIsGoneWhenKillReturns(t *testing.T) {
	l := buildByHand(t, loadTopology(t, "a"))
	ctx, host := testContext(t), l.Host("host1")
	for range 10 {
		if err := host.KillVswitchd(ctx); err != nil {
			t.Fatal(err)
		}
		if conn, err := net.Dial("unix", filepath.Join(host.ovs.dir, underlayBridge+".mgmt")); err == nil {
			conn.Close()
			t.Fatal("its sockets are still open")
		}
		if err := host.StartVswitchd(ctx); err != nil {
			t.Fatal(err)
		}
		if out, err := host.Run(ctx, "ovs-ofctl", "show", underlayBridge); err != nil {
			t.Fatalf("started, and it does not answer: %v\n%s", err, out)
		}
	}
}

func TestHostsAreCutOffAndHealed(t *testing.T) {
	l := buildByHand(t, loadTopology(t, "a"))
	ctx, host := testContext(t), l.Host("host1")
	controller, other := l.Topology.Controller.Address.Addr().String(), l.Host("host2").spec.Address.Addr().String()
	reach := func(to string) bool {
		_, err := host.Run(ctx, "ping", "-n", "-c", "2", "-i", "0.1", "-W", "1", to)
		return err == nil
	}
	if !reach(controller) || !reach(other) {
		t.Fatal("the underlay does not work")
	}
	if err := host.CutFromController(); err != nil {
		t.Fatal(err)
	}
	if reach(controller) || !reach(other) {
		t.Error("cut off from the controller means: from it, and from nobody else")
	}
	if err := host.Heal(); err != nil {
		t.Fatal(err)
	}
	if !reach(controller) {
		t.Error("not healed")
	}
	if err := host.PowerOff(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Container("doc3").Run(ctx, "ping", "-n", "-c", "1", "-W", "1", "10.0.1.10"); err == nil {
		t.Error("a host without power still forwards")
	}
	if err := host.PowerOn(ctx); err != nil {
		t.Fatal(err)
	}
	mustReach(t, l, "doc3", "doc1")
	if err := host.FreezeVswitchd(); err != nil {
		t.Fatal(err)
	}
	if reach(other) {
		t.Error("a frozen switch still forwards")
	}
	if err := host.ThawVswitchd(); err != nil {
		t.Fatal(err)
	}
	if !reach(other) {
		t.Error("a thawed switch does not forward")
	}
}

func TestContainersComeAndGo(t *testing.T) {
	l := buildByHand(t, loadTopology(t, "a"))
	ctx := testContext(t)
	c, err := l.AddContainer("late", "host2")
	if err != nil {
		t.Fatal(err)
	}
	e := model.Endpoint{
		ID: "late", Network: "net1", MTU: 1400, MAC: model.MACFrom([6]byte{2, 0, 0, 0, 0, 9}),
		Prefixes: []model.Prefix{model.MustPrefix("10.0.1.99/24"), model.MustPrefix("2001:db8::99/64")},
		Gateway:  []model.Addr{model.MustAddr("10.0.1.1"), model.MustAddr("2001:db8::1")},
	}
	if err := c.Plug(ctx, e); err != nil {
		t.Fatal(err)
	}
	mustReach(t, l, "doc1", "late")
	for command, wants := range map[string][]string{
		"ip -o link show eth0":    {"mtu 1400", "02:00:00:00:00:09", "state UP"},
		"ip -o address show eth0": {"10.0.1.99/24", "2001:db8::99/64"},
		"ip route":                {"default via 10.0.1.1 dev eth0"},
		"ip -6 route":             {"default via 2001:db8::1 dev eth0"},
	} {
		words := strings.Fields(command)
		out, err := c.Run(ctx, words[0], words[1:]...)
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not in %s (%v)", command, want, out, err)
			}
		}
	}
	ids := func(c *Container) string {
		out, err := c.Host.Run(ctx, "ovs-vsctl", "get", "Interface", c.Port(), "external_ids")
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
	if got := ids(c); got != "{iface-id=late}" {
		t.Errorf("plugged by iface-id: %s", got)
	}
	if err := c.Unplug(ctx); err != nil {
		t.Fatal(err)
	}
	if out, err := c.Host.Run(ctx, "ovs-vsctl", "list-ports", overlayBridge); err != nil || slices.Contains(strings.Fields(out), c.Port()) {
		t.Errorf("unplugged, and still there: %s %v", out, err)
	}

	e.Container, e.Interface = "late", "eth1"
	if err := c.Plug(ctx, e); err != nil {
		t.Fatal(err)
	}
	if got := ids(c); got != "{container_id=late, container_iface=eth1}" {
		t.Errorf("plugged as ovs-docker does: %s", got)
	}
	mac, err := c.hardwareAddress()
	if err != nil || mac.String() == "02:00:00:00:00:09" {
		t.Errorf("plugged as ovs-docker does, the MAC address is nobody's choice: %v %v", mac, err)
	}
	if err := c.Vanish(); err != nil {
		t.Fatal(err)
	}
	if got := ids(c); !strings.Contains(got, "late") {
		t.Errorf("the rows of a vanished device stay: %s", got)
	}
}

func TestTheControllerIsReachedInItsNamespaceOnly(t *testing.T) {
	l := buildByHand(t, loadTopology(t, "a"))
	ctx := testContext(t)
	url := "http://" + restAddress + "/healthz"
	alive := func() bool {
		answer, err := l.HTTP().Get(url)
		if err != nil {
			return false
		}
		return answer.StatusCode == http.StatusOK && answer.Body.Close() == nil
	}
	if !alive() {
		t.Error("no answer")
	}
	if _, err := l.Host("host1").in.dial(ctx, new(net.Dialer), "tcp", restAddress); err == nil {
		t.Error("REST is open on a host")
	}
	if err := l.KillController(ctx); err != nil {
		t.Fatal(err)
	}
	if alive() {
		t.Error("killed, and it answers")
	}
	if err := l.StartController(ctx); err != nil {
		t.Fatal(err)
	}
	if !alive() {
		t.Error("started again, and no answer")
	}
}

func TestThePacketsOfProbesAreValid(t *testing.T) {
	l := buildByHand(t, loadTopology(t, "a"))
	ctx := testContext(t)
	// A kernel that takes the datagram has checked every length and checksum.
	from, to := l.Container("doc1"), l.Container("doc3")
	for _, c := range []struct{ from, to netip.Addr }{
		{from.Addresses()[0], to.Addresses()[0]},
		{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")},
	} {
		if c.to.Is6() {
			for container, a := range map[*Container]netip.Addr{from: c.from, to: c.to} {
				if _, err := container.Run(ctx, "ip", "address", "add", a.String()+"/64", "dev", "eth0", "nodad"); err != nil {
					t.Fatal(err)
				}
			}
		}
		r := &responder{name: "to"}
		if err := to.in.do(func() error { return r.listen(netip.AddrPortFrom(c.to, responderPort).String()) }); err != nil {
			t.Fatal(err)
		}
		defer r.stop()
		mac, err := to.hardwareAddress()
		if err != nil {
			t.Fatal(err)
		}
		w, err := from.in.tapWire("eth0", localExperimental)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		answers, err := from.watchFor("to odd!")
		if err != nil {
			t.Fatal(err)
		}
		defer answers.stop()
		frame := udpDatagram(mac, w.mac, netip.AddrPortFrom(c.from, 9999), netip.AddrPortFrom(c.to, responderPort), []byte("who odd!"))
		err = until(ctx, "the responder answers", func() (bool, error) {
			_, err := w.Write(frame)
			return answers.seen() > 0, err
		})
		if err != nil {
			t.Errorf("%s: %v", c.to, err)
		}
	}
}
