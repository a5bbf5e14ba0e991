package membership

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/hashicorp/memberlist"
)

// delegate is what memberlist calls. It holds its own lock meanwhile, so
// nothing here may wait or call back.
type delegate struct{ m *Membership }

// NodeMeta is what this member says of itself.
func (d *delegate) NodeMeta(int) []byte {
	d.m.selfLock.Lock()
	defer d.m.selfLock.Unlock()
	return d.m.self.encode()
}

// Nothing but what each says of itself is gossiped: no messages, no state.
func (d *delegate) NotifyMsg([]byte)                {}
func (d *delegate) GetBroadcasts(int, int) [][]byte { return nil }
func (d *delegate) LocalState(bool) []byte          { return nil }
func (d *delegate) MergeRemoteState([]byte, bool)   {}

// NotifyJoin is of one that is new, or alive again.
func (d *delegate) NotifyJoin(n *memberlist.Node) { d.appeared(n) }

// NotifyUpdate is of one that says something new.
func (d *delegate) NotifyUpdate(n *memberlist.Node) { d.appeared(n) }

func (d *delegate) appeared(n *memberlist.Node) {
	s, err := decodeSelf(n.Meta)
	if err != nil {
		return // NotifyAlive lets none of these through
	}
	d.m.table.appeared(n.Name, addressOf(n), s)
}

// NotifyLeave is of one that has failed or left.
func (d *delegate) NotifyLeave(n *memberlist.Node) {
	if d.m.table.gone(n.Name) {
		go d.m.ask(n.Name)
	}
}

// NotifyAlive decides on each message that says of a member that it is alive,
// from itself or from others. An error drops the message.
func (d *delegate) NotifyAlive(n *memberlist.Node) error {
	if n.Name == d.m.cfg.Name {
		d.heardOfSelf(n)
		return nil
	}
	s, err := decodeSelf(n.Meta)
	if err == nil {
		err = checkText("name", n.Name, maxName)
	}
	if err != nil {
		d.m.problem(Unreadable, addressOf(n).String(), fmt.Sprintf("the member at %s is not let in: %v", addressOf(n), err))
		return err
	}
	known, ok := d.m.table.known(n.Name)
	if ok && (known.State == Alive || known.State == Suspect) && s.incarnation < known.Incarnation {
		// memberlist's own numbers begin anew with each process, so that of a
		// member that was restarted on one side of a partition the other side may
		// bring older facts with a higher number.
		if known.Address != addressOf(n) {
			d.NotifyConflict(&memberlist.Node{Name: n.Name, Addr: known.Address.Addr().AsSlice(), Port: known.Address.Port()}, n)
		}
		return errors.New("newer facts are known")
	}
	return nil
}

// heardOfSelf makes what this member says newer than what is still told of its
// earlier life, where the clock has not: it went back, or the host has none.
func (d *delegate) heardOfSelf(n *memberlist.Node) {
	// What is told of the name at another address is no life of this member, or
	// two of one name would outbid each other for ever.
	known, ok := d.m.table.known(n.Name)
	heard, err := decodeSelf(n.Meta)
	if !ok || err != nil || known.Address != addressOf(n) {
		return
	}
	d.m.say(func(s *self) bool {
		if heard.incarnation <= s.incarnation {
			return false
		}
		s.incarnation = heard.incarnation
		return true
	})
}

// NotifyConflict is of a name that is alive at one address and claimed from
// another. memberlist keeps the first until that is dead.
func (d *delegate) NotifyConflict(existing, other *memberlist.Node) {
	d.m.problem(NameConflict, existing.Name, fmt.Sprintf(
		"the name is at %s, and %s claims it: if the host has moved, it gets its name when the other address has been silent for some seconds; if these are two hosts, give one another name",
		addressOf(existing), addressOf(other)))
}

func addressOf(n *memberlist.Node) netip.AddrPort {
	ip, _ := netip.AddrFromSlice(n.Addr)
	return netip.AddrPortFrom(ip.Unmap(), n.Port)
}
