package e2e

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func TestABroadcastArrivesOnceEverywhereAndNowhereElse(t *testing.T) {
	s := up(t, trioTopology)
	// A neighbour on the sender's own host, and a stranger of another network.
	s.plug("near", "host1", s.declare(model.Endpoint{Name: "near", Addresses: addresses("10.0.1.9")}))
	_, _, err := s.api.CreateNetwork(s.ctx, model.Network{Name: "net2", Subnets: []model.Prefix{model.MustPrefix("10.0.1.0/24")}}, client.WriteOptions{})
	s.must(err)
	for name, host := range map[string]string{"stranger-a": "host1", "stranger-b": "host2"} {
		e, _, err := s.api.CreateEndpoint(s.ctx, model.Endpoint{Network: "net2", Name: name}, client.WriteOptions{})
		s.must(err)
		s.plug(name, host, e)
		s.becomes(soon, name, model.Installed, host)
	}
	s.becomes(soon, "near", model.Installed, "host1")
	s.check()
	files := map[string]string{}
	for _, c := range []string{"one", "two", "three", "near", "stranger-a", "stranger-b"} {
		files[c] = s.capture(c)
	}
	const frames = 20
	mark := newMark()
	frame := join(ethernet(everybody, mac(s.endpoint("one").MAC.Bytes), unix.ETH_P_IP,
		udpIn(netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("10.0.1.255"), nil)), mark)
	for range frames {
		s.sends("one", frame)
	}
	count := func(c string) int {
		text, err := os.ReadFile(files[c])
		s.must(err)
		return bytes.Count(text, mark)
	}
	s.within(soon, "all have them", func() error {
		for _, c := range []string{"two", "three", "near"} {
			if n := count(c); n < frames {
				return fmt.Errorf("%s has %d", c, n)
			}
		}
		return nil
	})
	// What comes late would come now: packets do not overtake these.
	s.check()
	for c, want := range map[string]int{"one": 0, "two": frames, "three": frames, "near": frames, "stranger-a": 0, "stranger-b": 0} {
		if n := count(c); n != want {
			t.Errorf("%s has %d frames, not %d", c, n, want)
		}
	}
}

func TestALayerTwoNetworkCarriesAnyAddress(t *testing.T) {
	s := up(t, trioTopology)
	n, _, err := s.api.CreateNetwork(s.ctx, model.Network{Name: "wire"}, client.WriteOptions{})
	s.must(err)
	if n.Unknown != model.Flood {
		t.Errorf("without subnets nobody's address is known, and unknown is %s", n.Unknown)
	}
	for i, host := range []string{"host1", "host2", "host3"} {
		name := "wire-" + host
		e, _, err := s.api.CreateEndpoint(s.ctx, model.Endpoint{Network: "wire", Name: name}, client.WriteOptions{})
		s.must(err)
		s.plug(name, host, e)
		s.becomes(soon, name, model.Installed, host)
		s.ip(name, "address", "add", fmt.Sprintf("198.51.100.%d/24", i+1), "dev", "eth0")
		s.ip(name, "address", "add", fmt.Sprintf("2001:db8:99::%d/64", i+1), "dev", "eth0")
	}
	for _, to := range []string{"198.51.100.2", "198.51.100.3", "2001:db8:99::2", "2001:db8:99::3"} {
		s.eventuallyReaches(soon, "wire-host1", netip.MustParseAddr(to))
	}
	s.eventuallyReaches(soon, "wire-host2", netip.MustParseAddr("198.51.100.3"))
	// A MAC that is not the port's own stays out here too.
	before := s.drops("host1")
	s.sends("wire-host1", ethernet(everybody, mac{2, 0, 0, 0, 0, 0x99}, 0x88b5, newMark()))
	s.within(soon, "it is dropped", func() error {
		if risen := s.risen("host1", before); len(risen) == 0 {
			return fmt.Errorf("no drop flow counted it")
		}
		return nil
	})
}
