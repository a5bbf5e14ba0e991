package membership

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"time"
)

const (
	// askEvery is the pause after which a suspect is asked again.
	askEvery = 500 * time.Millisecond
	// silences is how many questions in a row a member leaves without an answer
	// before this one believes the others that it is dead. Of a network that loses
	// one packet in fifty three questions are lost once in 16,000 times.
	silences = 3
)

// ask looks after a suspect until it is alive, dead, or gone.
//
// It is there because memberlist says too easily that somebody is dead. Whoever
// was cut off for a moment suspects others, tells them when nobody hears it, and
// half a minute after all is well again spreads that they are dead; they
// object at once, but by then all have seen them die. So nobody is dead here who
// answers: he is told, and is suspect until his objection arrives.
//
// Besides, memberlist probes members in turn. In a large cluster the turn of one that
// was suspected comes again after minutes.
func (m *Membership) ask(name string) {
	silent := 0
	for {
		known, ok := m.table.known(name)
		if !ok || known.State != Suspect {
			return
		}
		_, err := m.list.Ping(name, net.UDPAddrFromAddrPort(known.Address))
		switch {
		case err != nil:
			silent++
		case !known.declared:
			m.table.settle(name, Alive)
			return
		default:
			silent = 0
			m.tell(known.Address)
		}
		if known.declared && silent >= silences {
			m.table.settle(name, Dead)
			return
		}
		select {
		case <-time.After(askEvery):
		case <-m.done:
			return
		}
	}
}

// tell lets a member know what is said of it. One of all who want to is enough.
func (m *Membership) tell(at netip.AddrPort) {
	if here := m.table.count(Alive); rand.N(here+1) < attempts {
		_ = m.contact(at) // the next round tries again
	}
}
