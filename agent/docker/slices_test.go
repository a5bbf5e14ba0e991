package docker

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/docker/go-plugins-helpers/ipam"
	"github.com/docker/go-plugins-helpers/network"

	"github.com/weft-sdn/weft/controller"
	"github.com/weft-sdn/weft/model"
)

// sliced is net1 with a slice of four addresses for host1.
func sliced() model.Network {
	n := net1
	n.Slices = map[string]model.Ranges{"host1": {model.MustPrefix("10.0.1.64/30")}, "host2": {model.MustPrefix("10.0.1.128/26")}}
	return n
}

// hears has the driver follow the controller until it knows that these
// addresses of its slices are taken.
func (d *Driver) hears(t *testing.T, addresses ...string) {
	t.Helper()
	d.control.SlicesOf("host1")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.control.Run(ctx)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	for taken := map[netip.Addr]bool{}; len(taken) != len(addresses); taken = d.control.Taken("net1") {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("it knows of %v, want %v", taken, addresses)
		}
	}
}

func TestAddressesOfTheOwnSliceWhileNoControllerAnswers(t *testing.T) {
	w := newWeft(t)
	w.declare(sliced())
	dir := t.TempDir()
	d := w.host("host1", dir)
	d.shown(t, "net1", id(9))
	// Known at the controller only, and then to the agent.
	other := model.Endpoint{ID: "other", Network: "net1", Host: "host1", Addresses: []model.Addr{model.MustAddr("10.0.1.67")}}
	if _, _, err := w.CreateEndpoint(t.Context(), other, controller.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, err := d.starts(t, id(9), id(1), ""); err != nil || got != "10.0.1.64/24" {
		t.Fatal(got, err)
	}
	d.hears(t, "10.0.1.64", "10.0.1.67")

	w.away()
	d = w.host("host1", dir) // what it knows is on disk
	if got, err := d.starts(t, id(9), id(2), ""); err != nil || got != "10.0.1.66/24" {
		t.Fatalf("%s, %v", got, err)
	}
	e := d.endpoint(id(2))
	if e.MAC.String() != "02:42:0a:00:01:42" || e.MTU != 1450 || fmt.Sprint(e.Gateway) != "[10.0.1.1]" || e.Host != "host1" {
		t.Errorf("%+v", e)
	}
	for asked, says := range map[string]string{"10.0.1.67": "is taken", "10.0.1.66": "is taken", "10.0.1.129": "not in host host1's slice"} {
		if _, err := d.starts(t, id(9), id(7), asked); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v does not say %q", asked, err, says)
		}
	}
	d = w.host("host1", dir)
	if got, err := d.starts(t, id(9), id(3), "10.0.1.65"); err != nil || got != "10.0.1.65/24" {
		t.Fatalf("%s, %v", got, err)
	}
	if _, err := d.starts(t, id(9), id(4), ""); err == nil || !strings.Contains(err.Error(), "slice 10.0.1.64/30 are in use, 4 of them") {
		t.Errorf("a full slice: %v", err)
	}
	if _, err := d.deleteEndpoint(t.Context(), &network.DeleteEndpointRequest{EndpointID: id(3)}); err != nil {
		t.Error(err)
	}

	w.back()
	d = w.host("host1", dir)
	d.doErrands(t.Context())
	d.declareLater(t.Context())
	var got []string
	for _, e := range w.endpoints() {
		got = append(got, fmt.Sprint(e.ID, e.Addresses, e.Host))
	}
	want := fmt.Sprint([]string{id(1) + "[10.0.1.64]host1", id(2) + "[10.0.1.66]host1", "other[10.0.1.67]host1"})
	if fmt.Sprint(got) != want || d.ledger.now.Endpoints[id(2)].Undeclared || len(d.ledger.now.Reservations) != 0 {
		t.Errorf("the controller has %v, want %v; records %+v", got, want, d.ledger.now)
	}
	if stored, _ := w.Controller.Endpoint(id(2)); stored.MAC != e.MAC {
		t.Errorf("declared %+v, made as %+v", stored, e)
	}
}

func TestAHostWithoutASliceGivesOutNothingAlone(t *testing.T) {
	w := newWeft(t)
	w.declare(sliced())
	d := w.host("host3", t.TempDir())
	d.shown(t, "net1", id(9))
	w.away()
	_, err := d.requestAddress(t.Context(), &ipam.RequestAddressRequest{PoolID: "net1/10.0.1.0/24"})
	if err == nil || !strings.Contains(err.Error(), "host3 has no slice") {
		t.Error(err)
	}
}

// An endpoint that is deleted by Docker before the controller was told of it is
// not declared.
func TestWhatIsGoneIsNotDeclared(t *testing.T) {
	w := newWeft(t)
	w.declare(sliced())
	d := w.host("host1", t.TempDir())
	d.shown(t, "net1", id(9))
	w.away()
	if _, err := d.starts(t, id(9), id(1), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := d.deleteEndpoint(t.Context(), &network.DeleteEndpointRequest{EndpointID: id(1)}); err != nil {
		t.Error(err)
	}
	w.back()
	d.doErrands(t.Context())
	d.declareLater(t.Context())
	if all := w.endpoints(); len(all) != 0 {
		t.Errorf("declared: %+v", all)
	}
}
