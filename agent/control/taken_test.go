package control

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/weft-sdn/weft/controller"
	"github.com/weft-sdn/weft/model"
)

// holds waits until so many addresses of the host's slices are known as taken.
func (c *Control) holds(t *testing.T, network string, want int) {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for len(c.Taken(network)) != want {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-timeout:
			t.Fatalf("taken are %v, want %d", c.Taken(network), want)
		}
	}
}

func TestAddressesOfTheHostsSlicesAreFollowed(t *testing.T) {
	w := newWeft(t)
	n := model.Network{Name: "one", Subnets: []model.Prefix{model.MustPrefix("10.0.1.0/24")}, SliceSize: 28}
	if _, _, err := w.CreateNetwork(t.Context(), n, controller.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	declare := func(id, host string) {
		t.Helper()
		if _, _, err := w.CreateEndpoint(t.Context(), model.Endpoint{ID: id, Network: "one", Host: host}, controller.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	declare("a", "h2")
	file := filepath.Join(t.TempDir(), "networks.json")
	c := followed(t, file, w.address)
	c.SlicesOf("h2")
	c.runs(t)
	c.holds(t, "one", 1)
	c.SlicesOf("h1")
	c.holds(t, "one", 0)
	declare("b", "h1") // which gives it a slice
	declare("c", "h1")
	declare("d", "h2")
	c.holds(t, "one", 2)
	again := followed(t, file, w.address)
	again.holds(t, "one", 2)
	if _, err := w.DeleteEndpoint(t.Context(), "b", controller.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	c.holds(t, "one", 1)
}
