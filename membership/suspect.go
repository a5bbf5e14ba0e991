package membership

import (
	"net"
	"time"
)

// suspect notes that a member did not answer this one's probe, and asks again
// until it answers or is declared dead. memberlist itself probes it only when
// its turn comes again, in a large cluster minutes later.
func (m *Membership) suspect(name string) {
	if at, ok := m.table.shift(name, Alive, Suspect); ok {
		go m.askAgain(name, net.UDPAddrFromAddrPort(at))
	}
}

func (m *Membership) askAgain(name string, at net.Addr) {
	for {
		select {
		case <-time.After(time.Second):
		case <-m.done:
			return
		}
		known, ok := m.table.known(name)
		if !ok || known.State != Suspect {
			return
		}
		if _, err := m.list.Ping(name, at); err == nil {
			m.table.shift(name, Suspect, Alive)
			return
		}
	}
}
