package docker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/go-plugins-helpers/ipam"
	"github.com/docker/go-plugins-helpers/network"
	mobynetwork "github.com/moby/moby/api/types/network"

	"github.com/weft-sdn/weft/agent/control"
	"github.com/weft-sdn/weft/agent/plug"
	"github.com/weft-sdn/weft/controller"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest"
)

var quiet = slog.New(slog.DiscardHandler)

// weft is a real controller, which can be away.
type weft struct {
	*controller.Controller
	t       *testing.T
	address string
	handler http.Handler
	server  *http.Server
}

func newWeft(t *testing.T) *weft {
	t.Helper()
	c, err := controller.Open(controller.Config{DataDir: filepath.Join(t.TempDir(), "data"), Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	api, err := rest.New(rest.Config{Controller: c, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	w := &weft{Controller: c, t: t, address: "127.0.0.1:0", handler: api.Handler()}
	w.back()
	t.Cleanup(w.away)
	return w
}

func (w *weft) back() {
	w.t.Helper()
	l, err := net.Listen("tcp", w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.address = l.Addr().String()
	w.server = &http.Server{Handler: w.handler}
	go w.server.Serve(l)
}

func (w *weft) away() { w.server.Close() }

func (w *weft) declare(n model.Network) {
	w.t.Helper()
	if _, _, err := w.CreateNetwork(w.t.Context(), n, controller.WriteOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *weft) endpoints() []model.Endpoint {
	w.t.Helper()
	all, err := w.Controller.Endpoints("")
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func called(name string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return name, nil }
}

// host is a driver of the controller's, with neither Docker nor Open vSwitch;
// the same directory is the same host.
func (w *weft) host(name, dir string) *Driver {
	w.t.Helper()
	c, err := control.New(control.Config{Controllers: []string{"http://" + w.address}, File: filepath.Join(dir, "networks.json"), Log: quiet})
	if err != nil {
		w.t.Fatal(err)
	}
	nowhere := "unix://" + filepath.Join(dir, "nothing.sock")
	d, err := New(Config{Host: called(name), StateDir: dir, Control: c, Engine: nowhere, Socket: plug.At("unix:" + filepath.Join(dir, "nothing.sock")), Log: quiet})
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

var net1 = model.Network{Name: "net1", VNI: 5000, Subnets: []model.Prefix{model.MustPrefix("10.0.1.0/24")},
	Gateway: &model.Gateway{Mode: model.GatewayLocal}}

// id is an id as Docker makes them.
func id(n int) string { return fmt.Sprintf("%064x", n) }

// of is a request about the network of that id.
func of(networkID string, r *network.CreateNetworkRequest) *network.CreateNetworkRequest {
	r.NetworkID = networkID
	return r
}

// shown has Docker know a network of the controller.
func (d *Driver) shown(t *testing.T, name, networkID string) {
	t.Helper()
	if err := d.control.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := d.createNetwork(t.Context(), of(networkID, asked(map[string]any{optionID: name}, false, pool4())))
	if err != nil {
		t.Fatal(err)
	}
}

func (d *Driver) starts(t *testing.T, networkID, endpoint, address string) (got string, err error) {
	t.Helper()
	a, err := d.requestAddress(t.Context(), &ipam.RequestAddressRequest{PoolID: "net1/10.0.1.0/24", Address: address})
	if err != nil {
		return "", err
	}
	_, err = d.createEndpoint(t.Context(), &network.CreateEndpointRequest{NetworkID: networkID, EndpointID: endpoint,
		Interface: &network.EndpointInterface{Address: a.Address}})
	return a.Address, err
}

func TestNoTwoHostsGiveOutOneAddress(t *testing.T) {
	w := newWeft(t)
	w.declare(net1)
	const each = 20
	var mu sync.Mutex
	taken := map[string]string{}
	var all sync.WaitGroup
	for h := range 2 {
		d := w.host(fmt.Sprintf("host%d", h), t.TempDir())
		d.shown(t, "net1", id(1000+h))
		for i := range each {
			all.Go(func() {
				got, err := d.starts(t, id(1000+h), id(100*h+i), "")
				mu.Lock()
				defer mu.Unlock()
				if err != nil || taken[got] != "" {
					t.Errorf("%s on host%d and %s: %v", got, h, taken[got], err)
				}
				taken[got] = fmt.Sprintf("host%d", h)
			})
		}
	}
	all.Wait()
	if n := len(w.endpoints()); n != 2*each {
		t.Errorf("%d endpoints, want %d: are there reservations left?", n, 2*each)
	}
}

func TestAnEndpointIsAsDockerWasTold(t *testing.T) {
	w := newWeft(t)
	w.declare(net1)
	d := w.host("host1", t.TempDir())
	d.shown(t, "net1", id(9))
	got, err := d.starts(t, id(9), id(1), "10.0.1.77")
	if err != nil || got != "10.0.1.77/24" {
		t.Fatal(got, err)
	}
	e := d.endpoint(id(1))
	stored, err := w.Controller.Endpoint(id(1))
	if err != nil || stored.Host != "host1" || stored.MAC != e.MAC || stored.MAC.String() != "02:42:0a:00:01:4d" || e.MTU != 1450 || e.Gateway[0] != model.MustAddr("10.0.1.1") {
		t.Errorf("%+v, %v, noted as %+v", stored, err, e)
	}
	if _, err := d.starts(t, id(9), id(2), "10.0.1.77"); err == nil || !strings.Contains(err.Error(), "is taken by endpoint") {
		t.Errorf("an address twice: %v", err)
	}
	// Docker gives the MAC itself where a person has.
	a, err := d.createEndpoint(t.Context(), &network.CreateEndpointRequest{NetworkID: id(9), EndpointID: id(3),
		Interface: &network.EndpointInterface{Address: "10.0.1.9/24", MacAddress: "02:00:00:00:00:09"}})
	if err != nil || a.Interface.MacAddress != "" || d.endpoint(id(3)).MAC.String() != "02:00:00:00:00:09" {
		t.Errorf("%+v, %v, %+v", a, err, d.endpoint(id(3)))
	}
	if _, err := d.deleteEndpoint(t.Context(), &network.DeleteEndpointRequest{EndpointID: id(1)}); err != nil {
		t.Error(err)
	}
	if _, err := d.starts(t, id(9), id(4), "10.0.1.77"); err != nil {
		t.Errorf("the address of a deleted endpoint: %v", err)
	}
}

func TestReservationsThatCameToNothing(t *testing.T) {
	w := newWeft(t)
	w.declare(net1)
	dir := t.TempDir()
	d := w.host("host1", dir)
	d.shown(t, "net1", id(9))
	ask := &ipam.RequestAddressRequest{PoolID: "net1/10.0.1.0/24"}
	released, err := d.requestAddress(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	bare, _, _ := strings.Cut(released.Address, "/")
	if _, err := d.releaseAddress(t.Context(), &ipam.ReleaseAddressRequest{PoolID: ask.PoolID, Address: bare}); err != nil || len(w.endpoints()) != 0 {
		t.Errorf("released: %v, %+v", err, w.endpoints())
	}
	if _, err := d.requestAddress(t.Context(), ask); err != nil {
		t.Fatal(err)
	}
	d = w.host("host1", dir) // it crashed
	d.sweep()
	if len(d.ledger.now.Reservations) != 1 {
		t.Error("a reservation is swept that Docker may still use")
	}
	for _, r := range d.ledger.now.Reservations {
		r.Since = time.Now().Add(-2 * abandoned)
	}
	d.sweep()
	d.doErrands(t.Context())
	if len(w.endpoints()) != 0 || len(d.ledger.now.Reservations) != 0 {
		t.Errorf("left: %+v", w.endpoints())
	}
}

// Docker asks again where the agent ended before it had answered.
func TestCallsThatComeTwice(t *testing.T) {
	w := newWeft(t)
	w.declare(net1)
	dir := t.TempDir()
	d := w.host("host1", dir)
	d.shown(t, "net1", id(9))
	ask := &ipam.RequestAddressRequest{PoolID: "net1/10.0.1.0/24", Address: "10.0.1.77"}
	if _, err := d.requestAddress(t.Context(), ask); err != nil {
		t.Fatal(err)
	}
	d = w.host("host1", dir)
	if err := d.control.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := d.starts(t, id(9), id(1), "10.0.1.77"); err != nil || got != "10.0.1.77/24" {
			// The second time the endpoint has the address.
			if got != "" || !strings.Contains(fmt.Sprint(err), "is taken by endpoint") {
				t.Errorf("%s, %v", got, err)
			}
		}
	}
	create := &network.CreateEndpointRequest{NetworkID: id(9), EndpointID: id(1), Interface: &network.EndpointInterface{Address: "10.0.1.77/24"}}
	if _, err := d.createEndpoint(t.Context(), create); err != nil {
		t.Errorf("an endpoint created again: %v", err)
	}
	if all := w.endpoints(); len(all) != 1 || all[0].ID != id(1) {
		t.Errorf("there are %+v", all)
	}
}

func TestTwoFamilies(t *testing.T) {
	w := newWeft(t)
	both := net1
	both.Subnets = append(both.Subnets, model.MustPrefix("fd00:1::/64"))
	w.declare(both)
	d := w.host("host1", t.TempDir())
	d.shown(t, "net1", id(9))
	four, err4 := d.requestAddress(t.Context(), &ipam.RequestAddressRequest{PoolID: "net1/10.0.1.0/24"})
	six, err6 := d.requestAddress(t.Context(), &ipam.RequestAddressRequest{PoolID: "net1/fd00:1::/64", Address: "fd00:1::99"})
	if err := errors.Join(err4, err6); err != nil {
		t.Fatal(err)
	}
	_, err := d.createEndpoint(t.Context(), &network.CreateEndpointRequest{NetworkID: id(9), EndpointID: id(1),
		Interface: &network.EndpointInterface{Address: four.Address, AddressIPv6: six.Address}})
	if err != nil {
		t.Fatal(err)
	}
	all := w.endpoints()
	if len(all) != 1 || len(all[0].Addresses) != 2 || six.Address != "fd00:1::99/64" {
		t.Errorf("%+v after %s and %s", all, four.Address, six.Address)
	}
}

func TestWithoutTheController(t *testing.T) {
	w := newWeft(t)
	w.declare(net1)
	dir := t.TempDir()
	d := w.host("host1", dir)
	d.shown(t, "net1", id(9))
	if _, err := d.starts(t, id(9), id(1), ""); err != nil {
		t.Fatal(err)
	}
	w.away()
	start := time.Now()
	for what, refused := range map[string]func() error{
		"an address": func() error { _, err := d.starts(t, id(9), id(2), ""); return err },
		"a network": func() error {
			_, err := d.createNetwork(t.Context(), asked(nil, false, pool4()))
			return err
		},
		"an endpoint": func() error {
			_, err := d.createEndpoint(t.Context(), &network.CreateEndpointRequest{NetworkID: id(9), EndpointID: id(3)})
			return err
		},
	} {
		if err := refused(); !errors.Is(err, control.ErrAway) || !strings.Contains(err.Error(), w.address) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := d.deleteEndpoint(t.Context(), &network.DeleteEndpointRequest{EndpointID: id(1)}); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > deadline {
		t.Errorf("all that takes %v", took)
	}
	// The gateway of a known network needs nobody.
	d = w.host("host1", dir)
	a, err := d.requestAddress(t.Context(), &ipam.RequestAddressRequest{PoolID: "net1/10.0.1.0/24", Options: map[string]string{addressType: gatewayAddress}})
	if err != nil || a.Address != "10.0.1.1/24" {
		t.Errorf("the gateway: %+v, %v", a, err)
	}
	w.back()
	d.doErrands(t.Context())
	if all := w.endpoints(); len(all) != 0 || len(d.ledger.now.Later) != 0 {
		t.Errorf("left to do: %+v, and the controller has %+v", d.ledger.now.Later, all)
	}
}

func TestNetworksWithoutGateway(t *testing.T) {
	w := newWeft(t)
	plain := net1
	plain.Gateway = nil
	w.declare(plain)
	d := w.host("host1", t.TempDir())
	d.shown(t, "net1", id(9))
	a, err := d.requestAddress(t.Context(), &ipam.RequestAddressRequest{PoolID: "net1/10.0.1.0/24", Options: map[string]string{addressType: gatewayAddress}})
	if err != nil || a.Address != "0.0.0.0/0" {
		t.Errorf("%+v, %v", a, err)
	}
}

// create is what Docker does for a docker network create with our addresses.
func (d *Driver) create4(t *testing.T, networkID, subnet string) error {
	t.Helper()
	p, err := d.requestPool(t.Context(), &ipam.RequestPoolRequest{AddressSpace: addressSpace, Pool: subnet})
	if err != nil {
		return err
	}
	g, err := d.requestAddress(t.Context(), &ipam.RequestAddressRequest{PoolID: p.PoolID, Options: map[string]string{addressType: gatewayAddress}})
	if err != nil {
		return err
	}
	_, err = d.createNetwork(t.Context(), of(networkID, asked(nil, false, &network.IPAMData{AddressSpace: addressSpace, Pool: subnet, Gateway: g.Address})))
	return err
}

func listedAs(networkID, name string) mobynetwork.Summary {
	return mobynetwork.Summary{Network: mobynetwork.Network{ID: networkID, Name: name, Driver: Name}}
}

func TestANetworkIsDeclaredWhenItsNameIsKnown(t *testing.T) {
	w := newWeft(t)
	one, two := w.host("host1", t.TempDir()), w.host("host2", t.TempDir())
	if err := errors.Join(one.create4(t, id(1), "10.1.0.0/24"), two.create4(t, id(2), "10.2.0.0/24")); err != nil {
		t.Fatal(err)
	}
	if len(w.Networks()) != 0 {
		t.Errorf("declared without a name: %+v", w.Networks())
	}
	// A container comes before the name, and waits for it.
	waited := make(chan error, 1)
	pool := ""
	for p := range one.ledger.now.Pools {
		pool = p
	}
	go func() {
		_, err := one.requestAddress(t.Context(), &ipam.RequestAddressRequest{PoolID: pool})
		waited <- err
	}()
	one.identify(t.Context(), listedAs(id(1), "same"))
	if err := <-waited; err != nil {
		t.Errorf("a container that came early: %v", err)
	}
	two.identify(t.Context(), listedAs(id(2), "same"))
	if n, err := w.Network("same"); err != nil || n.Subnets[0] != model.MustPrefix("10.1.0.0/24") {
		t.Errorf("the first decides: %+v, %v", n, err)
	}
	if _, err := two.nameOf(t.Context(), id(2)); err == nil || !strings.Contains(err.Error(), "differs in subnets") {
		t.Errorf("the second is told: %v", err)
	}
	// Only where it was created is it deleted for all.
	two.identified(id(3), "same")
	for _, removal := range []struct {
		from    *Driver
		network string
		forAll  bool
	}{{two, id(3), false}, {one, id(1), true}} {
		if _, err := removal.from.deleteNetwork(t.Context(), &network.DeleteNetworkRequest{NetworkID: removal.network}); err != nil {
			t.Error(err)
		}
		if forAll := removal.from.leaving("same"); forAll != removal.forAll {
			t.Errorf("the host of network %s deletes it for all: %v", removal.network, forAll)
		}
	}
}

func TestOneSubnetTwiceAtOnce(t *testing.T) {
	w := newWeft(t)
	d := w.host("host1", t.TempDir())
	for range 2 {
		if _, err := d.requestPool(t.Context(), &ipam.RequestPoolRequest{Pool: "10.0.1.0/24"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.createNetwork(t.Context(), asked(nil, false, pool4())); err == nil || !strings.Contains(err.Error(), "try again") {
		t.Errorf("which pool is whose? %v", err)
	}
}

func TestPoolsThatCannotBe(t *testing.T) {
	d := newWeft(t).host("host1", t.TempDir())
	for word, r := range map[string]*ipam.RequestPoolRequest{
		"--subnet":     {},
		"not a subnet": {Pool: "10.0.1.0"},
		"10.0.1.0/24":  {Pool: "10.0.1.1/24"},
		"--ip-range":   {Pool: "10.0.1.0/24", SubPool: "10.0.1.128/25"},
	} {
		if _, err := d.requestPool(t.Context(), r); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%+v: %v, which should say %q", r, err, word)
		}
	}
}

func TestUnknownThingsAreAnswered(t *testing.T) {
	d := newWeft(t).host("host1", t.TempDir())
	ctx := context.Background()
	_, errEndpoint := d.createEndpoint(ctx, &network.CreateEndpointRequest{NetworkID: id(1), EndpointID: id(2)})
	_, errJoin := d.join(ctx, &network.JoinRequest{NetworkID: id(1), EndpointID: id(2)})
	_, errPool := d.requestAddress(ctx, &ipam.RequestAddressRequest{PoolID: newPool + "x"})
	for _, err := range []error{errEndpoint, errJoin, errPool} {
		if err == nil || !strings.Contains(err.Error(), "does not know") {
			t.Errorf("%v", err)
		}
	}
	// What takes away is always accepted.
	_, err1 := d.deleteNetwork(ctx, &network.DeleteNetworkRequest{NetworkID: id(1)})
	_, err2 := d.deleteEndpoint(ctx, &network.DeleteEndpointRequest{EndpointID: id(2)})
	_, err3 := d.leave(ctx, &network.LeaveRequest{EndpointID: id(2)})
	_, err4 := d.releaseAddress(ctx, &ipam.ReleaseAddressRequest{PoolID: "?", Address: "10.0.0.1"})
	_, err5 := d.releasePool(ctx, &ipam.ReleasePoolRequest{PoolID: "?"})
	_, err6 := d.unpublish(ctx, &network.RevokeExternalConnectivityRequest{EndpointID: id(2)})
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		t.Error(err)
	}
}
