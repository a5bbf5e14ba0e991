package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/weft-sdn/weft/lab"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// outTopology is two networks of both families that leave by host1, and the
// internet behind a router. one and three are on host1, two and four are not.
const outTopology = `
name: out
underlay:
  segments: {lan: 192.0.2.0/24}
  segments6: {lan: "2001:db8:a::/64"}
internet:
  addresses: [203.0.113.10/24, "2001:db8:113::10/64"]
hosts:
  - {name: host1, address: 192.0.2.11/24, address6: "2001:db8:a::11/64"}
  - {name: host2, address: 192.0.2.12/24, address6: "2001:db8:a::12/64"}
networks:
  - name: net1
    subnets: [10.0.1.0/24, "fd00:1::/64"]
    vni: 5000
    gateway: {addresses: [10.0.1.254, "fd00:1::fe"], mode: snat, hosts: [host1]}
  - name: net2
    subnets: [10.0.2.0/24, "fd00:2::/64"]
    vni: 6000
    gateway: {addresses: [10.0.2.254, "fd00:2::fe"], mode: snat, hosts: [host1]}
endpoints:
  - {name: one, network: net1, addresses: [10.0.1.1, "fd00:1::1"]}
  - {name: two, network: net1, addresses: [10.0.1.2, "fd00:1::2"]}
  - {name: three, network: net2, addresses: [10.0.2.3, "fd00:2::3"]}
  - {name: four, network: net2, addresses: [10.0.2.4, "fd00:2::4"]}
containers:
  - {name: one, host: host1}
  - {name: two, host: host2}
  - {name: three, host: host1}
  - {name: four, host: host2}
expect:
  - {from: one, to: two, reaches: true}
  - {from: three, to: four, reaches: true}
  - {from: one, to: four, reaches: false}
  - {from: two, to: three, reaches: false}
  - {from: one, to: internet, reaches: true, seenAs: host1}
  - {from: two, to: internet, reaches: true, seenAs: host1}
  - {from: three, to: internet, reaches: true, seenAs: host1}
  - {from: four, to: internet, reaches: true, seenAs: host1}
  - {from: one, to: internet, reaches: true, proto: icmp}
  - {from: four, to: internet, reaches: true, proto: icmp}
`

var (
	internet4 = netip.MustParseAddr("203.0.113.10")
	internet6 = netip.MustParseAddr("2001:db8:113::10")
	host1     = netip.MustParseAddr("192.0.2.11")
	host2     = netip.MustParseAddr("192.0.2.12")
)

// answering is the port at which the lab's responders answer.
const answering = 7007

// call is a call of the controller's REST, as a user makes it with curl.
func (s *site) call(method, path string, body, answer any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(s.ctx, method, "http://127.0.0.1:8181"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	response, err := s.HTTP().Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if text, err = io.ReadAll(response.Body); err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return &refusal{response.StatusCode, fmt.Sprintf("%s %s: %s", method, path, text)}
	}
	if answer == nil || len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// refusal is an answer of REST that is a problem.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// isRefused ends the test unless a call was refused with a status and words.
func (s *site) isRefused(err error, status int, words ...string) {
	s.t.Helper()
	var r *refusal
	if !errors.As(err, &r) || r.status != status {
		s.t.Fatalf("not refused with %d: %v", status, err)
	}
	for _, w := range words {
		if !strings.Contains(r.text, w) {
			s.t.Errorf("refused without a word of %q: %s", w, r.text)
		}
	}
}

// change changes a network and waits until that is installed.
func (s *site) change(name string, how func(*model.Network)) {
	s.t.Helper()
	n, err := s.api.Network(s.ctx, name)
	s.must(err)
	how(&n)
	_, _, err = s.api.PutNetwork(s.ctx, n, client.WriteOptions{Wait: true})
	s.must(err)
}

// networkSays waits until a network shows a condition whose message has these
// words.
func (s *site) networkSays(name, kind string, words ...string) {
	s.t.Helper()
	s.within(soon, fmt.Sprintf("network %s says %s", name, kind), func() error {
		n, err := s.api.Network(s.ctx, name)
		if err != nil {
			return err
		}
		return says(n.Conditions, kind, words...)
	})
}

// networkIsWell waits until a network shows no condition of that kind.
func (s *site) networkIsWell(name, kind string) {
	s.t.Helper()
	s.within(soon, fmt.Sprintf("network %s says no %s", name, kind), func() error {
		n, err := s.api.Network(s.ctx, name)
		if err == nil && condition(n.Conditions, kind) != "" {
			err = fmt.Errorf("it says %s", condition(n.Conditions, kind))
		}
		return err
	})
}

// responders let all machines answer for the rest of the test.
func (s *site) responders() {
	s.t.Helper()
	stop, err := s.Respond(s.ctx)
	s.must(err)
	s.t.Cleanup(stop)
}

// holds checks expectations that are written as in a topology file, all of them
// again until they hold: for some, two containers of the topology must do.
func (s *site) holds(what ...lab.Expectation) {
	s.t.Helper()
	results, err := s.Check(s.ctx, what)
	s.must(err)
	for _, r := range results {
		if r.Err != nil {
			s.t.Errorf("%s: %v", r.Expectation, r.Err)
		}
	}
}

func reaching(from, to string) lab.Expectation {
	yes := true
	return lab.Expectation{From: from, To: to, Reaches: &yes}
}

func notReaching(from, to string) lab.Expectation {
	no := false
	return lab.Expectation{From: from, To: to, Reaches: &no}
}

// asks waits until somebody answers a machine, and returns what he said.
func (s *site) asks(from, network string, at netip.AddrPort) lab.Answer {
	s.t.Helper()
	var answer lab.Answer
	s.within(soon, fmt.Sprintf("%s is answered at %s over %s", from, at, network), func() (err error) {
		answer, err = s.Machine(from).Ask(s.ctx, network, at)
		return err
	})
	return answer
}

// pinging is a series of pings of a machine to an address that is answered.
func (s *site) pinging(from string, to netip.Addr) *lab.Pings {
	s.t.Helper()
	s.within(soon, fmt.Sprintf("%s reaches %s", from, to), func() error {
		_, err := s.Machine(from).Run(s.ctx, "ping", "-n", "-c", "1", "-W", "1", to.String())
		return err
	})
	p, err := s.Machine(from).Ping(to, pingInterval)
	s.must(err)
	s.t.Cleanup(func() { p.Stop() })
	s.answered(p, 10)
	return p
}

// pingSays runs ping until what it prints has these words.
func (s *site) pingSays(from string, words string, args ...string) {
	s.t.Helper()
	s.within(soon, fmt.Sprintf("ping %s on %s says %q", strings.Join(args, " "), from, words), func() error {
		out, err := s.Machine(from).Run(s.ctx, "ping", append([]string{"-n", "-c", "1", "-W", "1"}, args...)...)
		if !strings.Contains(out, words) {
			return fmt.Errorf("it says %s (%v)", out, err)
		}
		return nil
	})
}

// forwarded counts the packets that a host's kernel got from its networks.
func (s *site) forwarded(host string) int {
	s.t.Helper()
	out, err := s.Host(host).Run(s.ctx, "cat", "/proc/net/dev")
	s.must(err)
	for _, line := range lines(out, "weft-gw:") {
		n, err := strconv.Atoi(strings.Fields(line)[2])
		s.must(err)
		return n
	}
	return 0
}

// carrier is the gateway host through which a running series of pings goes.
func (s *site) carrier(p *lab.Pings, hosts ...string) string {
	s.t.Helper()
	var found string
	s.within(soon, "one of the gateways carries the pings", func() error {
		before := map[string]int{}
		for _, h := range hosts {
			before[h] = s.forwarded(h)
		}
		s.answered(p, 30)
		for _, h := range hosts {
			if s.forwarded(h) >= before[h]+20 {
				found = h
				return nil
			}
		}
		return errors.New("none of them does")
	})
	return found
}

// talking opens a TCP connection of a machine, and asks over it once.
func (s *site) talking(from string, at netip.AddrPort) (*lab.Talk, lab.Answer) {
	s.t.Helper()
	var (
		talk   *lab.Talk
		answer lab.Answer
	)
	s.within(soon, fmt.Sprintf("%s talks to %s", from, at), func() (err error) {
		ctx, cancel := context.WithTimeout(s.ctx, promised)
		defer cancel()
		if talk, err = s.Machine(from).Talk(ctx, at); err == nil {
			answer, err = talk.Ask(ctx)
		}
		return err
	})
	s.t.Cleanup(func() { talk.Close() })
	return talk, answer
}

// goesOn demands that a connection still works.
func (s *site) goesOn(talk *lab.Talk, before lab.Answer) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, soon)
	defer cancel()
	now, err := talk.Ask(ctx)
	if err != nil || now != before {
		s.t.Errorf("an established connection: %+v, %v; before %+v", now, err, before)
	}
}
