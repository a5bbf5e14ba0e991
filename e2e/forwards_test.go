package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/lab"
	"github.com/weft-sdn/weft/model"
)

// forward declares a forward of a network and waits until it is installed.
func (s *site) forward(network string, f model.Forward) model.Forward {
	s.t.Helper()
	var stored model.Forward
	s.must(s.call(http.MethodPost, "/networks/"+network+"/forwards?wait=installed", f, &stored))
	return stored
}

// answersAt demands that it is a certain machine that answers somebody at an
// address, and eventually, for the host's agent acts by itself.
func (s *site) answersAt(from, network string, at netip.AddrPort, machine string) {
	s.t.Helper()
	s.within(soon, fmt.Sprintf("%s answers %s at %s over %s", machine, from, at, network), func() error {
		answer, err := s.Machine(from).Ask(s.ctx, network, at)
		if err == nil && answer.By != machine {
			err = fmt.Errorf("%s does", answer.By)
		}
		return err
	})
}

// nobodyAnswers waits until there is no answer any more.
func (s *site) nobodyAnswers(from, network string, at netip.AddrPort) {
	s.t.Helper()
	s.within(soon, fmt.Sprintf("nobody answers %s at %s over %s", from, at, network), func() error {
		if answer, err := s.Machine(from).Ask(s.ctx, network, at); err == nil {
			return fmt.Errorf("%s does", answer.By)
		}
		return nil
	})
}

func TestAPortOfTheGatewayHostLeadsToAnEndpoint(t *testing.T) {
	s := up(t, outTopology)
	s.check()
	s.responders()
	// Everybody: the internet, another host, the host itself, the same network
	// on both hosts, the endpoint itself, and another network.
	askers := []string{"internet", "host2", "host1", "one", "two", "three", "four"}
	at4 := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(host1, port) }
	at6 := func(port uint16) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr("2001:db8:a::11"), port)
	}
	forwards := map[string]model.Forward{
		"tcp to two":  s.forward("net1", model.Forward{Port: 8080, Endpoint: "two", EndpointPort: answering}),
		"udp to one":  s.forward("net1", model.Forward{Port: 8081, Protocol: model.UDP, Endpoint: "one", EndpointPort: answering}),
		"one address": s.forward("net2", model.Forward{Port: 8082, Address: model.MustAddr(host1.String()), Endpoint: "four", EndpointPort: answering}),
	}
	for _, from := range askers {
		s.answersAt(from, "tcp", at4(8080), "two")
		s.answersAt(from, "tcp", at6(8080), "two")
		s.answersAt(from, "udp", at4(8081), "one")
		s.answersAt(from, "tcp", at4(8082), "four")
	}
	// Of one protocol and one address each, and no other host's.
	for _, wrong := range []struct {
		network string
		at      netip.AddrPort
	}{{"udp", at4(8080)}, {"tcp", at4(8081)}, {"tcp", at6(8082)}, {"tcp", netip.AddrPortFrom(host2, 8080)}} {
		if answer, err := s.Machine("internet").Ask(s.ctx, wrong.network, wrong.at); err == nil {
			t.Errorf("%s at %s: %+v", wrong.network, wrong.at, answer)
		}
	}
	// The endpoint sees who asks.
	for from, want := range map[string]netip.Addr{"internet": internet4, "host2": host2} {
		if seen := s.asks(from, "tcp", at4(8080)).SeenAs.Addr(); seen != want {
			t.Errorf("%s is seen as %s", from, seen)
		}
	}
	// A taken port is refused, with who has it.
	err := s.call(http.MethodPost, "/networks/net2/forwards", model.Forward{Port: 8080, Endpoint: "three"}, nil)
	s.isRefused(err, http.StatusConflict, "8080", "net1")
	// Another endpoint, another port.
	f := forwards["tcp to two"]
	f.Endpoint = "one"
	s.must(s.call(http.MethodPut, "/networks/net1/forwards/"+f.ID+"?wait=installed", f, nil))
	s.answersAt("internet", "tcp", at4(8080), "one")
	// What is through it survives the controller, and ends with the forward.
	talk, answer := s.talking("internet", at4(8080))
	s.restartController()
	s.synchronized(soon, "host1", "host2")
	s.goesOn(talk, answer)
	s.must(s.call(http.MethodDelete, "/networks/net1/forwards/"+f.ID+"?wait=installed", nil, nil))
	s.nobodyAnswers("internet", "tcp", at4(8080))
	s.within(soon, "the connection through it ends", func() error {
		return s.silent(talk)
	})
	s.answersAt("internet", "udp", at4(8081), "one")
	s.holds(reaching("one", "internet"), notReaching("one", "four"), reaching("four", "internet"))
}

// silent is an error if a connection still answers.
func (s *site) silent(talk *lab.Talk) error {
	ctx, cancel := context.WithTimeout(s.ctx, time.Second)
	defer cancel()
	if answer, err := talk.Ask(ctx); err == nil {
		return fmt.Errorf("%s answers", answer.By)
	}
	return nil
}

func TestAForwardFollowsItsEndpoint(t *testing.T) {
	s := up(t, outTopology)
	s.responders()
	s.forward("net1", model.Forward{Port: 8080, Endpoint: "two", EndpointPort: answering})
	at := netip.AddrPortFrom(host1, 8080)
	s.answersAt("internet", "tcp", at, "two")
	// To another host, with the endpoint.
	e := s.endpoint("two")
	s.must(s.Container("two").Unplug(s.ctx))
	s.plug("two-again", "host1", e)
	s.becomes(soon, "two", model.Installed, "host1")
	s.responders()
	s.answersAt("internet", "tcp", at, "two-again")
	// And it goes with it: nobody else is reached in its place.
	s.must(s.call(http.MethodDelete, "/endpoints/"+e.ID, nil, nil))
	s.nobodyAnswers("internet", "tcp", at)
	out := s.on("host1", "ovs-vsctl", "get", "Interface", "weft-gw", "external_ids")
	if strings.Contains(out, "8080") {
		t.Errorf("weft-gw has %s", out)
	}
}
