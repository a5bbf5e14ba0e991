package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/weft-sdn/weft/model"
)

func open(t *testing.T, dir string) *Controller {
	t.Helper()
	c, err := Open(Config{
		DataDir: filepath.Join(dir, "data"), Repair: true, Log: slog.New(slog.DiscardHandler),
		LinkCalm: -1, // links are used as soon as they come back
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func network(name, subnet string) model.Network {
	n := model.Network{Name: name}
	if subnet != "" {
		n.Subnets = []model.Prefix{model.MustPrefix(subnet)}
	}
	return n
}

// refused makes sure that a write fails with a kind, and names a field.
func refused(t *testing.T, err error, kind model.Kind, field string) {
	t.Helper()
	var e *model.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Field != field {
		t.Errorf("error %#v, wanted kind %d and field %q", err, kind, field)
	}
}

func TestWhatWasAnsweredSurvivesARestart(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	c := open(t, dir)
	n, _, err := c.CreateNetwork(ctx, network("red", "10.65.10.0/24"), WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e, _, err := c.CreateEndpoint(ctx, model.Endpoint{Network: "red", Name: "a"}, WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	number := c.snapshot().endpoint(e.ID).Number
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}

	c = open(t, dir)
	n2, err := c.Network("red")
	if err != nil || n2.VNI != n.VNI || n2.MTU != n.MTU || n2.Revision != n.Revision {
		t.Errorf("network %+v came back as %+v, %v", n, n2, err)
	}
	e2, err := c.Endpoint(e.ID)
	if err != nil || e2.MAC != e.MAC || e2.Addresses[0] != e.Addresses[0] || e2.Revision != e.Revision {
		t.Errorf("endpoint %+v came back as %+v, %v", e, e2, err)
	}
	if again := c.snapshot().endpoint(e.ID).Number; again != number {
		t.Errorf("the endpoint's number was %d, and is %d", number, again)
	}
	other, _, err := c.CreateEndpoint(ctx, model.Endpoint{Network: "red"}, WriteOptions{})
	if err != nil || other.Addresses[0] == e.Addresses[0] || c.snapshot().endpoint(other.ID).Number == number {
		t.Errorf("after a restart %+v was given out again: %v", other, err)
	}
}

func TestChosenValuesStayWhenAPutLeavesThemOut(t *testing.T) {
	ctx, c := context.Background(), open(t, t.TempDir())
	n, _, err := c.CreateNetwork(ctx, network("red", "10.65.10.0/24"), WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n2, out, err := c.PutNetwork(ctx, model.Network{Name: "red", Subnets: n.Subnets, Unknown: model.Flood}, WriteOptions{})
	if err != nil || out.Created || n2.VNI != n.VNI || n2.MTU != n.MTU || n2.Unknown != model.Flood {
		t.Errorf("after a PUT the network is %+v: %v", n2, err)
	}
	n3, _, err := c.PutNetwork(ctx, n2, WriteOptions{})
	if err != nil || n3.Revision != n2.Revision {
		t.Errorf("putting what GET shows made a change: %+v, %v", n3, err)
	}
	vni := n2
	vni.VNI++
	_, _, err = c.PutNetwork(ctx, vni, WriteOptions{})
	refused(t, err, model.Conflict, "vni")

	e, _, err := c.CreateEndpoint(ctx, model.Endpoint{Network: "red", ID: "a"}, WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e2, _, err := c.PutEndpoint(ctx, model.Endpoint{ID: "a", Name: "web"}, WriteOptions{})
	if err != nil || e2.MAC != e.MAC || e2.Addresses[0] != e.Addresses[0] || e2.Network != "red" || e2.Name != "web" {
		t.Errorf("after a PUT the endpoint is %+v: %v", e2, err)
	}
}

func TestPostIsIdempotentAndRefusesAnother(t *testing.T) {
	ctx, c := context.Background(), open(t, t.TempDir())
	n := network("red", "10.65.10.0/24")
	first, out, err := c.CreateNetwork(ctx, n, WriteOptions{})
	if err != nil || !out.Created {
		t.Fatal(out, err)
	}
	if again, out, err := c.CreateNetwork(ctx, n, WriteOptions{}); err != nil || out.Created || again.Revision != first.Revision {
		t.Errorf("the same again: %+v, %+v, %v", again, out, err)
	}
	if _, out, err := c.CreateNetwork(ctx, first, WriteOptions{}); err != nil || out.Created {
		t.Errorf("what GET shows again: %+v, %v", out, err)
	}
	n.MTU = 1400
	_, _, err = c.CreateNetwork(ctx, n, WriteOptions{})
	refused(t, err, model.Conflict, "mtu")

	var wg sync.WaitGroup
	created := make(chan bool, 6)
	for range 6 {
		wg.Go(func() {
			_, out, err := c.CreateNetwork(ctx, network("blue", "10.66.0.0/16"), WriteOptions{})
			if err != nil {
				t.Error(err)
			}
			created <- out.Created
		})
	}
	wg.Wait()
	close(created)
	count := 0
	for is := range created {
		if is {
			count++
		}
	}
	if count != 1 {
		t.Errorf("six POSTs of one name at once created %d", count)
	}
}

func TestApplyIsAllOrNothing(t *testing.T) {
	ctx, c := context.Background(), open(t, t.TempDir())
	document := model.Document{
		Networks: []model.Network{network("red", "10.65.10.0/29")},
		Endpoints: []model.Endpoint{
			{Network: "red", Name: "a"}, {Network: "red", Name: "b", Addresses: []model.Addr{model.MustAddr("10.65.10.1")}},
			{Network: "red", Name: "c", Addresses: []model.Addr{model.MustAddr("10.65.11.1")}},
		},
	}
	_, _, err := c.Apply(ctx, document, WriteOptions{})
	refused(t, err, model.Invalid, "endpoints[2].addresses[0]")
	if n := c.Networks(); len(n) != 0 {
		t.Errorf("a refused document left %v", n)
	}
	// "a" is given an address before "b" asks for the lowest one by name.
	document.Endpoints = document.Endpoints[:2]
	_, _, err = c.Apply(ctx, document, WriteOptions{})
	if err != nil {
		t.Errorf("an address chosen for one endpoint stands in the way of another's own: %v", err)
	}
}

func TestApplySwapsAddresses(t *testing.T) {
	ctx, c := context.Background(), open(t, t.TempDir())
	with := func(a, b string) model.Document {
		return model.Document{
			Networks: []model.Network{network("red", "10.65.10.0/24")},
			Endpoints: []model.Endpoint{
				{Network: "red", Name: "a", Addresses: []model.Addr{model.MustAddr(a)}, MAC: model.MACFrom([6]byte{2, 0, 0, 0, 0, 1})},
				{Network: "red", Name: "b", Addresses: []model.Addr{model.MustAddr(b)}, MAC: model.MACFrom([6]byte{2, 0, 0, 0, 0, 2})},
			},
		}
	}
	if _, _, err := c.Apply(ctx, with("10.65.10.1", "10.65.10.2"), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Apply(ctx, with("10.65.10.2", "10.65.10.1"), WriteOptions{}); err != nil {
		t.Errorf("two endpoints cannot swap their addresses: %v", err)
	}
	_, _, err := c.Apply(ctx, with("10.65.10.2", "10.65.10.2"), WriteOptions{})
	refused(t, err, model.Conflict, "endpoints[0].addresses[0]")
}

func TestPruneRemovesWhatItsSourceNoLongerHas(t *testing.T) {
	ctx, c := context.Background(), open(t, t.TempDir())
	if _, _, err := c.CreateNetwork(ctx, network("mine", ""), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	document := model.Document{
		Networks:  []model.Network{network("red", "10.65.10.0/24"), network("blue", "10.65.10.0/24")},
		Endpoints: []model.Endpoint{{Network: "red", Name: "a"}, {Network: "blue", Name: "b"}},
	}
	if _, _, err := c.Apply(ctx, document, WriteOptions{Prune: "git"}); err != nil {
		t.Fatal(err)
	}
	document.Networks, document.Endpoints = document.Networks[:1], nil
	if _, _, err := c.Apply(ctx, document, WriteOptions{Prune: "other"}); err != nil {
		t.Fatal(err)
	}
	if n := len(c.Networks()); n != 3 {
		t.Errorf("another source pruned: %d networks are left", n)
	}
	document.Networks = []model.Network{network("green", "")}
	if _, _, err := c.Apply(ctx, document, WriteOptions{Prune: "git"}); err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, n := range c.Networks() {
		left = append(left, n.Name)
	}
	if got := strings.Join(left, " "); got != "green mine red" { // "red" is the other source's by now
		t.Errorf("left are %s", got)
	}
}

func TestRenumberingNeedsTheEndpointsToFollow(t *testing.T) {
	ctx, c := context.Background(), open(t, t.TempDir())
	if _, _, err := c.Apply(ctx, model.Document{
		Networks:  []model.Network{network("red", "10.65.10.0/24")},
		Endpoints: []model.Endpoint{{Network: "red", Name: "a"}},
	}, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	_, _, err := c.PutNetwork(ctx, network("red", "10.66.0.0/24"), WriteOptions{})
	refused(t, err, model.Conflict, "subnets")
	if _, _, err := c.Apply(ctx, model.Document{
		Networks:  []model.Network{network("red", "10.66.0.0/24")},
		Endpoints: []model.Endpoint{{Network: "red", Name: "a", Addresses: []model.Addr{model.MustAddr("10.66.0.9")}}},
	}, WriteOptions{}); err != nil {
		t.Errorf("changing both at once: %v", err)
	}
}

func TestAddressesAreGivenBackAndCounted(t *testing.T) {
	ctx, c := context.Background(), open(t, t.TempDir())
	n := network("red", "10.65.10.0/29") // six hosts, of which one is the gateway
	n.Gateway = &model.Gateway{Addresses: []model.Addr{model.MustAddr("10.65.10.4")}, Mode: model.GatewayLocal}
	if _, _, err := c.CreateNetwork(ctx, n, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range 5 {
		e, _, err := c.CreateEndpoint(ctx, model.Endpoint{Network: "red"}, WriteOptions{})
		if err != nil {
			t.Fatalf("endpoint %d: %v", i, err)
		}
		if e.Addresses[0].String() == "10.65.10.4" {
			t.Error("the gateway's address was given out")
		}
		ids = append(ids, e.ID)
	}
	_, _, err := c.CreateEndpoint(ctx, model.Endpoint{Network: "red"}, WriteOptions{})
	refused(t, err, model.Exhausted, "addresses")
	if !strings.Contains(fmt.Sprint(err), "5 of the 5") {
		t.Errorf("the error does not count: %v", err)
	}
	if _, err := c.DeleteEndpoint(ctx, ids[2], WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.CreateEndpoint(ctx, model.Endpoint{Network: "red"}, WriteOptions{DryRun: true}); err != nil {
		t.Errorf("a dry run: %v", err)
	}
	if _, _, err := c.CreateEndpoint(ctx, model.Endpoint{Network: "red"}, WriteOptions{}); err != nil {
		t.Errorf("an address that was given back, and once tried on: %v", err)
	}
}

// An endpoint keeps its MAC when its address changes; whoever gets the address
// next must not be refused for that.
func TestAChosenMACIsOneThatNobodyHas(t *testing.T) {
	ctx, c := context.Background(), open(t, t.TempDir())
	if _, _, err := c.CreateNetwork(ctx, network("red", "10.65.10.0/24"), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	p1, _, err := c.CreateEndpoint(ctx, model.Endpoint{Network: "red", ID: "p1"}, WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.PutEndpoint(ctx, model.Endpoint{ID: "p1", Addresses: []model.Addr{model.MustAddr("10.65.10.50")}}, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	p2, _, err := c.CreateEndpoint(ctx, model.Endpoint{Network: "red", ID: "p2"}, WriteOptions{})
	if err != nil || p2.Addresses[0] != p1.Addresses[0] || p2.MAC == p1.MAC {
		t.Errorf("%+v, %v", p2, err)
	}
}
