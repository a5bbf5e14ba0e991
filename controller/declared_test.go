package controller

import (
	"fmt"
	"math/rand"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/openflow"
)

// routedWorld is a controller with networks red and blue on a router, a forward
// to an endpoint of red, and a drained host with a NIC in blue.
func routedWorld(t *testing.T, dir string) *Controller {
	t.Helper()
	ctx, c := t.Context(), open(t, dir)
	known(t, c, "host1", 1)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range []string{"red", "blue"} {
		n := network(name, fmt.Sprintf("10.0.%d.0/24", i))
		n.Gateway = &model.Gateway{Mode: model.GatewaySNAT}
		_, _, err := c.CreateNetwork(ctx, n, WriteOptions{})
		must(err)
	}
	_, _, err := c.CreateEndpoint(ctx, model.Endpoint{ID: "e1", Name: "web", Network: "red"}, WriteOptions{})
	must(err)
	_, _, err = c.CreateRouter(ctx, model.Router{Name: "r1", Networks: []string{"red", "blue"}}, WriteOptions{})
	must(err)
	_, _, err = c.CreateForward(ctx, model.Forward{Network: "red", Port: 8080, Endpoint: "web"}, WriteOptions{})
	must(err)
	_, _, err = c.PutNIC(ctx, model.NIC{Host: "host1", Interface: "eth1", Network: "blue", VLAN: 7}, WriteOptions{})
	must(err)
	_, err = c.DrainHost(ctx, "host1", WriteOptions{})
	must(err)
	return c
}

// declared is what the API shows of all that routedWorld declares.
func declared(t *testing.T, c *Controller) []any {
	t.Helper()
	forwards, err := c.Forwards("")
	if err != nil {
		t.Fatal(err)
	}
	ports, err := c.HostPorts("host1")
	if err != nil {
		t.Fatal(err)
	}
	host, err := c.Host("host1")
	if err != nil {
		t.Fatal(err)
	}
	return []any{c.Routers(), forwards, ports, host.Draining, host.Revision}
}

func TestRoutersForwardsNICsAndDrainSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	c := routedWorld(t, dir)
	before := declared(t, c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if after := declared(t, open(t, dir)); !reflect.DeepEqual(before, after) {
		t.Errorf("%+v came back as %+v", before, after)
	}
}

func TestWhatLeadsToANetworkGoesWithIt(t *testing.T) {
	ctx, c := t.Context(), routedWorld(t, t.TempDir())
	if peers := c.snapshot().peersOf("red"); !slices.Equal(peers, []uint32{c.snapshot().network("blue").VNI}) {
		t.Errorf("networks on a router with red: %v", peers)
	}
	if _, err := c.DeleteHost(ctx, "host1", WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	v := c.snapshot()
	if len(slices.Collect(v.nicsIn("blue"))) > 0 {
		t.Error("a deleted host still has a NIC in a network")
	}
	for _, name := range []string{"blue", "red"} {
		if _, err := c.DeleteNetwork(ctx, name, WriteOptions{Force: true}); err != nil {
			t.Fatal(err)
		}
	}
	v = c.snapshot()
	if len(slices.Collect(v.forwardsOf("e1"))) > 0 || len(v.router("r1").Networks) > 0 {
		t.Errorf("after all networks are deleted: forwards %v, router %+v", slices.Collect(v.forwardsOf("e1")), v.router("r1"))
	}
}

func TestTheRoutersMACIsNobodys(t *testing.T) {
	ctx, c := t.Context(), open(t, t.TempDir())
	l := known(t, c, "host1", 1)
	if _, _, err := c.CreateNetwork(ctx, network("n", "10.0.1.0/24"), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	_, _, err := c.CreateEndpoint(ctx, model.Endpoint{Network: "n", MAC: model.MACFrom(flows.RouterMAC)}, WriteOptions{})
	refused(t, err, model.Invalid, "mac")
	if _, _, err := c.CreateEndpoint(ctx, model.Endpoint{ID: "e1", Network: "n", Container: "doc1"}, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	err = c.do(ctx, func() {
		w := c.begin()
		w.put(tablePlace, &placeRecord{Endpoint: "e1", Host: l.systemID})
		if _, err := c.commit(ctx, w); err != nil {
			t.Error(err)
		}
		frame := make([]byte, 60)
		cookie := flows.Cookie(flows.KindAdopt, c.snapshot().endpoint("e1").Number, 0, flows.NoDrop)
		for _, source := range [][6]byte{flows.RouterMAC, {2, 1, 1, 1, 1, 1}} {
			copy(frame[6:], source[:])
			c.learnMAC(l, &openflow.PacketIn{Cookie: cookie, Data: frame})
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if e, err := c.Endpoint("e1"); err != nil || e.MAC != model.MACFrom([6]byte{2, 1, 1, 1, 1, 1}) {
		t.Errorf("adopted %s: %v", e.MAC, err)
	}
}

// Sorted subnets are as good as all pairs.
func TestOverlapsAmongNetworksAreFound(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	found := 0
	for range 2000 {
		var networks []*networkRecord
		for i := range 4 {
			n := &networkRecord{Network: model.Network{Name: fmt.Sprint("n", i)}}
			for range 1 + r.Intn(3) {
				bits := 20 + r.Intn(10)
				p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(r.Intn(3)), byte(r.Intn(256)), byte(r.Intn(256))}), bits).Masked()
				if other := (&model.Network{Subnets: []model.Prefix{model.PrefixFrom(p)}}); !overlaps(&n.Network, other) {
					n.Subnets = append(n.Subnets, model.PrefixFrom(p))
				}
			}
			networks = append(networks, n)
		}
		want := false
		for i, a := range networks {
			for _, b := range networks[:i] {
				want = want || overlaps(&a.Network, &b.Network)
			}
		}
		a, b, where := overlapAmong(networks)
		if (a != nil) != want || a != nil && !overlaps(&a.Network, &b.Network) {
			t.Fatalf("%v and %v, %q; want an overlap: %v", a, b, where, want)
		}
		if want {
			found++
		}
	}
	if found < 200 || found > 1800 {
		t.Errorf("%d of 2000 overlap: the test says little", found)
	}
}

func overlaps(a, b *model.Network) bool {
	_, _, is := a.Overlap(b)
	return is
}

func TestAGatewayHostMayBeDeletedWhileItIsInUse(t *testing.T) {
	ctx, c := t.Context(), open(t, t.TempDir())
	known(t, c, "host1", 1)
	n := network("n", "10.0.1.0/24")
	n.Gateway = &model.Gateway{Mode: model.GatewaySNAT, Hosts: []string{"host1"}}
	unknown := func(n model.Network) bool {
		return slices.ContainsFunc(n.Conditions, func(c model.Condition) bool { return c.Type == model.HostUnknown })
	}
	stored, _, err := c.CreateNetwork(ctx, n, WriteOptions{})
	if err != nil || unknown(stored) {
		t.Fatalf("%+v, %v", stored, err)
	}
	if _, err := c.DeleteHost(ctx, "host1", WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if now, err := c.Network("n"); err != nil || !unknown(now) {
		t.Errorf("%+v, %v", now, err)
	}
}
