package membership

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// memberlist forgets who has been dead for half a minute, and then two halves of
// a cluster that was parted for longer never meet again. So each member goes on
// looking for its seeds and its dead.
const (
	// reachEvery is how often, give or take a half.
	reachEvery = 10 * time.Second
	// hurry is how often when nobody is there, when somebody was found, or when
	// the own name is disputed.
	hurry = 2 * time.Second
	// settled is until when a new member compares with others on its own accord,
	// at growing distances. Where hundreds start at once some news gets lost,
	// and whoever comes back with another address is not let in before the old
	// one is dead, which it may not know.
	settled = 64 * time.Second
	// attempts is how many are made on average in reachEvery for each member
	// that is missed, by all the others together: one would be enough, and
	// all of a thousand would be a flood.
	attempts = 3
)

func (m *Membership) reach() {
	joined, compare := time.Now(), hurry
	for {
		pause := reachEvery
		if m.look() || compare <= settled {
			pause = hurry
		}
		if compare <= settled && time.Since(joined) >= compare {
			m.compare()
			compare *= 2
		}
		pause = pause/2 + rand.N(pause)
		select {
		case <-time.After(pause):
		case <-m.done:
			return
		}
		m.table.forget(m.cfg.ForgetAfter)
	}
}

// look tries to reach who is missed. It reports whether to try again soon.
func (m *Membership) look() (soon bool) {
	here, controllers, missed := m.others()
	if len(here) == 0 {
		_ = m.Contact() // its errors are among the problems
		if len(missed) > 0 {
			_ = m.contact(missed[rand.N(len(missed))])
		}
		return len(m.cfg.Seeds)+len(missed) > 0
	}
	if since, ok := m.table.disputed(m.cfg.Name); ok {
		// If the other address is dead by now, whoever is asked gives the name
		// away. If it is not, a controller shall show it to somebody.
		ask := here
		if len(controllers) > 0 && rand.N(2) == 0 {
			ask = controllers
		}
		_ = m.contact(ask[rand.N(len(ask))])
		soon = time.Since(since) < time.Minute
	}
	missed = append(missed, m.missedSeeds(here)...)
	if rand.N(len(here)+1) < attempts*len(missed) && m.contact(missed[rand.N(len(missed))]) == nil {
		// Two sides meet again. Each has to object to its own deaths and then
		// tell the other, which needs more than one exchange.
		soon = true
	}
	return soon
}

// compare exchanges all that is known with any member.
func (m *Membership) compare() {
	if here, _, _ := m.others(); len(here) > 0 {
		_ = m.contact(here[rand.N(len(here))])
	}
}

// others are the addresses of those who are here, of the controllers among them,
// and of the dead.
func (m *Membership) others() (here, controllers, missed []netip.AddrPort) {
	members, _ := m.table.list()
	for _, other := range members {
		switch {
		case other.Name == m.cfg.Name:
		case other.State == Dead:
			missed = append(missed, other.Address)
		case other.State != Left:
			here = append(here, other.Address)
			if other.Role == Controller {
				controllers = append(controllers, other.Address)
			}
		}
	}
	return here, controllers, missed
}

// Contact asks every seed now. Its error says why none of them let this member
// in.
func (m *Membership) Contact() error {
	var all []error
	for _, seed := range m.cfg.Seeds {
		addresses, err := resolve(seed)
		if slices.Contains(addresses, m.address()) {
			continue
		}
		for _, at := range addresses {
			if err = m.contact(at); err == nil {
				break
			}
		}
		if err == nil {
			m.solved(seed)
			return nil
		}
		m.problem(kindOf(err), seed, err.Error())
		all = append(all, err)
	}
	return errors.Join(all...)
}

// missedSeeds are those that are not among who is here.
func (m *Membership) missedSeeds(here []netip.AddrPort) []netip.AddrPort {
	there := map[netip.AddrPort]bool{m.address(): true}
	for _, at := range here {
		there[at] = true
	}
	var missed []netip.AddrPort
	for _, seed := range m.cfg.Seeds {
		addresses, err := resolve(seed)
		if err == nil && !slices.ContainsFunc(addresses, func(at netip.AddrPort) bool { return there[at] }) {
			missed = append(missed, addresses[0])
		}
	}
	return missed
}

// address is where this member gossips.
func (m *Membership) address() netip.AddrPort {
	own, _ := m.table.known(m.cfg.Name)
	return own.Address
}

func (m *Membership) solved(seed string) {
	m.table.mu.Lock()
	defer m.table.mu.Unlock()
	for _, kind := range []Kind{Unreachable, OtherCluster, WrongKey} {
		m.table.solved(kind, seed)
	}
}

// refusal is why an address did not let this member in.
type refusal struct {
	kind Kind
	text string
}

func (r *refusal) Error() string { return r.text }

func kindOf(err error) Kind {
	var r *refusal
	if errors.As(err, &r) {
		return r.kind
	}
	return Unreachable
}

// contact exchanges all that both know with the member at an address.
func (m *Membership) contact(at netip.AddrPort) error {
	_, err := m.list.Join([]string{at.String()})
	if err == nil {
		return nil
	}
	reason := err.Error()
	if why, ok := unreadable(reason); ok {
		return &refusal{WrongKey, fmt.Sprintf("%s and this member cannot read each other: %s", at, why)}
	}
	for _, closed := range []string{"EOF", "reset by peer", "broken pipe", "closed pipe"} {
		if strings.Contains(reason, closed) {
			return &refusal{OtherCluster, fmt.Sprintf(
				"%s closed the connection without a word: it is not of cluster %q; is it the address of this cluster's controller, and the token its own?", at, m.cfg.Cluster)}
		}
	}
	// What stands before is memberlist's own list of one error.
	if _, own, ok := strings.Cut(reason, fmt.Sprintf("failed to join %s: ", at)); ok {
		reason = strings.TrimSpace(own)
	}
	return &refusal{Unreachable, fmt.Sprintf("%s does not answer (%s): does it run, and do firewalls let TCP and UDP port %d through?", at, reason, at.Port())}
}

// resolve finds the addresses of a seed. memberlist's own way asks DNS servers
// by TCP for all that they have.
func resolve(seed string) ([]netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(withPort(seed))
	if err != nil {
		return nil, fmt.Errorf("seed %q: %w", seed, err)
	}
	number, err := net.LookupPort("udp", port)
	if err != nil {
		return nil, fmt.Errorf("seed %q: %w", seed, err)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(ip.Unmap(), uint16(number))}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("seed %q: %w", seed, err)
	}
	var out []netip.AddrPort
	for _, ip := range ips {
		out = append(out, netip.AddrPortFrom(ip.Unmap(), uint16(number)))
	}
	return out, nil
}
