package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-sdn/weft/lab"
)

// on runs a command on a host and returns what it prints.
func (s *site) on(host, name string, args ...string) string {
	s.t.Helper()
	out, err := s.Host(host).Run(s.ctx, name, args...)
	s.must(err)
	return strings.TrimSpace(out)
}

// vsctl changes or shows a host's database, as its administrator would.
func (s *site) vsctl(host string, args ...string) string {
	s.t.Helper()
	return s.on(host, "ovs-vsctl", append([]string{"--timeout=20"}, args...)...)
}

// durations are what a dump shows that changes while nobody touches anything.
var volatile = regexp.MustCompile(`(duration|n_packets|n_bytes|idle_age|hard_age)=[^, ]*,? ?`)

// program is everything that is installed on a host's bridge, less its counters.
func (s *site) program(host string) (string, error) {
	h := s.Host(host)
	flows, err := h.Run(s.ctx, "ovs-ofctl", "dump-flows", "br-weft")
	if err != nil {
		return "", err
	}
	groups, err := h.Run(s.ctx, "ovs-ofctl", "-O", "OpenFlow14", "dump-groups", "br-weft")
	if err != nil {
		return "", err
	}
	lines := slices.Concat(lines(flows, "cookie="), lines(groups, "group_id="))
	for i := range lines {
		lines[i] = volatile.ReplaceAllString(lines[i], "")
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), nil
}

func (s *site) mustProgram(host string) string {
	s.t.Helper()
	p, err := s.program(host)
	s.must(err)
	return p
}

// lines are those of a text that begin with a word.
func lines(text, with string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, with) {
			out = append(out, line)
		}
	}
	return out
}

var (
	durationOf = regexp.MustCompile(`duration=([0-9.]+)s`)
	bucketsOf  = regexp.MustCompile(`,bucket0.*`)
)

// ages says of every flow and group on a host how long it has been there. OVS
// resets the duration of a flow that is added again, even an identical one.
func (s *site) ages(host string) map[string]time.Duration {
	s.t.Helper()
	ages := map[string]time.Duration{}
	for _, line := range slices.Concat(
		lines(s.on(host, "ovs-ofctl", "dump-flows", "br-weft"), "cookie="),
		lines(s.on(host, "ovs-ofctl", "-O", "OpenFlow14", "dump-group-stats", "br-weft"), "group_id="),
	) {
		found := durationOf.FindStringSubmatch(line)
		if found == nil {
			s.t.Fatalf("no duration in %q", line)
		}
		seconds, err := strconv.ParseFloat(found[1], 64)
		s.must(err)
		key := bucketsOf.ReplaceAllString(volatile.ReplaceAllString(line, ""), "")
		key = regexp.MustCompile(`(ref_count|packet_count|byte_count)=\d+,?`).ReplaceAllString(key, "")
		ages[key] = time.Duration(seconds * float64(time.Second))
	}
	return ages
}

// untouched compares ages: all that was there is still there, was not written
// again, and nothing is new.
func (s *site) untouched(host string, before map[string]time.Duration) {
	s.t.Helper()
	now := s.ages(host)
	for flow, age := range before {
		later, ok := now[flow]
		switch {
		case !ok:
			s.t.Errorf("%s: gone: %s", host, flow)
		case later <= age:
			s.t.Errorf("%s: written again, its age was %v and is %v: %s", host, age, later, flow)
		}
	}
	for flow := range now {
		if _, ok := before[flow]; !ok {
			s.t.Errorf("%s: new: %s", host, flow)
		}
	}
}

// database is the file of a host's ovsdb-server, to which every transaction is
// appended that changes more than counters and states of connections.
func (s *site) database(host string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir, host, "conf.db"))
	s.must(err)
	return string(text)
}

// lastWrites is what was appended since, for messages.
func lastWrites(before, now string) string {
	if rest, ok := strings.CutPrefix(now, before); ok {
		return rest
	}
	return "(the file was written anew)"
}

// answered waits until a running series of pings has n more answers.
func (s *site) answered(p *lab.Pings, n int) {
	s.t.Helper()
	before := p.Result().Received
	s.within(soon, fmt.Sprintf("%d pings are answered", n), func() error {
		if r := p.Result(); r.Received < before+n {
			return fmt.Errorf("%v", r)
		}
		return nil
	})
}

// pingInterval is short enough that an outage of a few milliseconds shows.
const pingInterval = 10 * time.Millisecond

// ping starts a series from one container to another and waits until it runs.
func (s *site) ping(from, to string) *lab.Pings {
	s.t.Helper()
	address := s.address(to)
	// The first packet may wait for ARP, and a neighbour entry for its turn.
	s.within(soon, from+" reaches "+to, func() error {
		_, err := s.Container(from).Run(s.ctx, "ping", "-n", "-c", "1", "-W", "1", address.String())
		return err
	})
	p, err := s.Container(from).Ping(address, pingInterval)
	s.must(err)
	s.t.Cleanup(func() { p.Stop() })
	s.answered(p, 10)
	return p
}

// noneLost ends series of pings of which not one may be lost.
func (s *site) noneLost(series ...*lab.Pings) {
	s.t.Helper()
	for _, p := range series {
		r := p.Stop()
		s.t.Log(r)
		if r.Lost() > 0 {
			s.t.Errorf("packets were lost: %v", r)
		}
	}
}

// address is a container's first address.
func (s *site) address(container string) netip.Addr {
	s.t.Helper()
	all := s.Container(container).Addresses()
	if len(all) == 0 {
		s.t.Fatalf("container %s has no address", container)
	}
	return all[0]
}

// reach asks once whether an address answers a container.
func (s *site) reach(from string, to netip.Addr) error {
	_, err := s.Container(from).Run(s.ctx, "ping", "-n", "-c", "1", "-W", "1", to.String())
	return err
}

func (s *site) agesOf(hosts ...string) map[string]map[string]time.Duration {
	s.t.Helper()
	all := map[string]map[string]time.Duration{}
	for _, h := range hosts {
		all[h] = s.ages(h)
	}
	return all
}

func (s *site) databasesOf(hosts ...string) map[string]string {
	s.t.Helper()
	all := map[string]string{}
	for _, h := range hosts {
		all[h] = s.database(h)
	}
	return all
}
