package controller

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/model"
)

func sliced(slices map[string]model.Ranges, size int, subnets ...string) model.Network {
	n := model.Network{Name: "red", Slices: slices, SliceSize: size}
	for _, s := range subnets {
		n.Subnets = append(n.Subnets, model.MustPrefix(s))
	}
	return n
}

func ranges(texts ...string) (r model.Ranges) {
	for _, text := range texts {
		r = append(r, model.MustPrefix(text))
	}
	return r
}

func (c *Controller) declares(t *testing.T, n model.Network) model.Network {
	t.Helper()
	n, _, err := c.PutNetwork(t.Context(), n, WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// gets declares an endpoint and returns its addresses.
func (c *Controller) gets(host string, asked ...string) (string, error) {
	e := model.Endpoint{Network: "red", Host: host}
	for _, a := range asked {
		if a != "" {
			e.Addresses = append(e.Addresses, model.MustAddr(a))
		}
	}
	e, _, err := c.CreateEndpoint(context.Background(), e, WriteOptions{})
	return strings.Trim(fmt.Sprint(e.Addresses), "[]"), err
}

func TestAddressesComeFromTheHostsSlice(t *testing.T) {
	c := open(t, t.TempDir())
	n := sliced(map[string]model.Ranges{"h1": ranges("10.0.0.0/29"), "h2": ranges("10.0.0.16/31", "10.0.0.24/31")}, 0, "10.0.0.0/24", "2001:db8::/64")
	n.Gateway = &model.Gateway{Mode: model.GatewayLocal}
	c.declares(t, n)
	for i, test := range []struct{ host, asked, want string }{
		{"h1", "", "10.0.0.2 2001:db8::2"},
		{"h1", "", "10.0.0.3 2001:db8::3"},
		{"", "", "10.0.0.8 2001:db8::4"},
		{"h3", "", "10.0.0.9 2001:db8::5"},
		{"h2", "", "10.0.0.16 2001:db8::6"},
		{"h2", "", "10.0.0.17 2001:db8::7"},
		{"h2", "", "10.0.0.24 2001:db8::8"},
		{"h2", "", "10.0.0.25 2001:db8::9"},
		{"h1", "10.0.0.5", "10.0.0.5"},
		{"h1", "10.0.0.10", "10.0.0.10"},
		{"", "", "10.0.0.11 2001:db8::a"},
		{"h1", "", "10.0.0.4 2001:db8::b"},
		{"h1", "", "10.0.0.6 2001:db8::c"},
		{"h1", "", "10.0.0.7 2001:db8::d"},
	} {
		if got, err := c.gets(test.host, test.asked); err != nil || got != test.want {
			t.Errorf("%d: %+v: got %s, %v", i, test, got, err)
		}
	}
	for _, test := range []struct{ host, asked, field, says string }{
		{"h1", "", "addresses", "6 of the 6 addresses of host h1's slice 10.0.0.0/29"},
		{"h2", "", "addresses", "4 of the 4 addresses of host h2's slice 10.0.0.16/31, 10.0.0.24/31"},
	} {
		_, err := c.gets(test.host)
		refused(t, err, model.Exhausted, test.field)
		if !strings.Contains(fmt.Sprint(err), test.says) {
			t.Errorf("%v does not say %q", err, test.says)
		}
	}
	for _, host := range []string{"", "h2"} {
		_, err := c.gets(host, "10.0.0.200", "10.0.0.2")
		refused(t, err, model.Conflict, "addresses[1]")
	}
}

func TestEndpointsKeepAddressesOfSlicesThatChange(t *testing.T) {
	c := open(t, t.TempDir())
	c.declares(t, sliced(map[string]model.Ranges{"h1": ranges("10.0.0.0/25")}, 0, "10.0.0.0/24"))
	e, _, err := c.CreateEndpoint(t.Context(), model.Endpoint{ID: "e", Network: "red", Host: "h1"}, WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.declares(t, sliced(map[string]model.Ranges{"h2": ranges("10.0.0.0/25")}, 0, "10.0.0.0/24"))
	e.Name = "other"
	now, _, err := c.PutEndpoint(t.Context(), e, WriteOptions{})
	if err != nil || !reflect.DeepEqual(now.Addresses, e.Addresses) {
		t.Errorf("%+v, %v", now, err)
	}
	if got, err := c.gets("h2"); err != nil || got != "10.0.0.2" {
		t.Errorf("%s, %v", got, err)
	}
	if n := c.declares(t, sliced(nil, 0, "10.0.0.0/24")); n.Slices != nil {
		t.Errorf("%+v", n)
	}
	if got, err := c.gets("h1"); err != nil || got != "10.0.0.3" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestAutomaticSlicesAreDurable(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	n := sliced(map[string]model.Ranges{"h0": ranges("10.0.0.64/26")}, 26, "10.0.0.0/24", "2001:db8::/64")
	c.declares(t, n)
	for _, test := range []struct{ host, want string }{
		{"", "10.0.0.1 2001:db8::1"}, {"h1", "10.0.0.128 2001:db8::40"}, {"h2", "10.0.0.192 2001:db8::80"}, // the first is not free any more
		{"h1", "10.0.0.129 2001:db8::41"}, {"h0", "10.0.0.64 2001:db8::c0"},
	} {
		if got, err := c.gets(test.host); err != nil || got != test.want {
			t.Errorf("%s: %s, %v; want %s", test.host, got, err, test.want)
		}
	}
	_, err := c.gets("h3")
	refused(t, err, model.Exhausted, "addresses")
	want := map[string]model.Ranges{"h0": ranges("10.0.0.64/26", "2001:db8::c0/122"), "h1": ranges("10.0.0.128/26", "2001:db8::40/122"), "h2": ranges("10.0.0.192/26", "2001:db8::80/122")}
	is := func(got map[string]model.Ranges, err error) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("slices %v, %v; want %v", got, err, want)
		}
	}
	got, err := c.Network("red")
	is(got.Slices, err)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, dir)
	got, err = c.Network("red")
	is(got.Slices, err)
	if got, err := c.gets("h1"); err != nil || got != "10.0.0.130 2001:db8::42" {
		t.Errorf("after a restart %s, %v", got, err)
	}
	// What GET gave, and what leaves the chosen ones out.
	is(c.declares(t, got).Slices, nil)
	n.MTU = 1400
	is(c.declares(t, n).Slices, nil)
	if _, _, err := c.CreateNetwork(t.Context(), n, WriteOptions{}); err != nil {
		t.Errorf("the same once more: %v", err)
	}
	n.SliceSize = 0
	want = n.Slices
	is(c.declares(t, n).Slices, nil)
}

// Whatever happens, no address is given twice, each chosen one is in the slice
// of its host, and those of no slice are in none.
func TestSlicesHoldWhateverHappens(t *testing.T) {
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 5))
		c := open(t, t.TempDir())
		n := sliced(nil, 0, "10.0.0.0/24", "10.0.2.0/25")
		c.declares(t, n)
		have := map[string]string{} // address → id
		for step := range 250 {
			host := []string{"", "h1", "h2", "h3", "h4"}[random.IntN(5)]
			switch random.IntN(12) {
			case 0:
				n.SliceSize = []int{0, 26, 27, 28}[random.IntN(4)]
				n.Slices = nil
				if random.IntN(2) == 0 {
					n.Slices = map[string]model.Ranges{"h1": ranges(fmt.Sprintf("10.0.0.%d/27", 32*random.IntN(8)))}
				}
				// One that overlaps what was chosen for another is refused.
				if _, _, err := c.PutNetwork(t.Context(), n, WriteOptions{}); err != nil && model.KindOf(err) != model.Invalid {
					t.Fatal(err)
				}
			case 1, 2, 3:
				for a, id := range have {
					if _, err := c.DeleteEndpoint(t.Context(), id, WriteOptions{}); err != nil {
						t.Fatal(err)
					}
					delete(have, a)
					break
				}
			case 4:
				a := fmt.Sprintf("10.0.0.%d", 1+random.IntN(254))
				e, _, err := c.CreateEndpoint(t.Context(), model.Endpoint{Network: "red", Host: host, Addresses: []model.Addr{model.MustAddr(a)}}, WriteOptions{})
				now, _ := c.Network("red")
				owner, _, in := now.SliceOf(netip.MustParseAddr(a))
				if free := have[a] == "" && (!in || owner == host); free != (err == nil) {
					t.Fatalf("seed %d, step %d: %s for %q: %v, free %v", seed, step, a, host, err, free)
				}
				if err == nil {
					have[a] = e.ID
				}
			default:
				e, _, err := c.CreateEndpoint(t.Context(), model.Endpoint{Network: "red", Host: host}, WriteOptions{})
				if model.KindOf(err) == model.Exhausted && err != nil {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				a := e.Addresses[0]
				now, _ := c.Network("red")
				owner, slice, in := now.SliceOf(a.Addr)
				sliced := len(now.Slices[host]) > 0 // and host "" has none
				if have[a.String()] != "" || sliced != in || in && owner != host {
					t.Fatalf("seed %d, step %d: %q got %s in %s of %q, of %v", seed, step, host, a, slice, owner, now.Slices)
				}
				have[a.String()] = e.ID
			}
		}
	}
}
