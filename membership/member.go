package membership

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Role is what a member does in the cluster.
type Role uint8

// Roles, as they are on the wire.
const (
	Agent      Role = 1 // looks after one host
	Controller Role = 2
)

func (r Role) String() string {
	switch r {
	case Agent:
		return "agent"
	case Controller:
		return "controller"
	}
	return "unknown role"
}

// State is what this member thinks of another.
type State string

// States of a member.
const (
	Alive State = "alive"
	// Suspect did not answer this member's probe, and whether it is dead is not
	// agreed; or others say that it is dead, and this member looks for itself.
	Suspect State = "suspect"
	Dead    State = "dead" // the others say so, and it does not answer this one
	Left    State = "left" // said goodbye
)

// Facts are what a member says about itself, and only about itself. A zero
// field means that it does not say.
type Facts struct {
	VTEP        netip.Addr // where others send its tunnels' packets
	Datapath    string     // of its Open vSwitch: system or netdev
	UnderlayMTU int

	// Where a controller listens.
	OVSDB    netip.AddrPort
	OpenFlow netip.AddrPort
	REST     netip.AddrPort

	Version string // of Weft
}

// Member is one of the cluster, as this member knows it.
type Member struct {
	Name    string
	Address netip.AddrPort // where it gossips
	Role    Role
	Facts   Facts
	// Keys are those that it reads gossip with; the first is the one that it
	// writes with. Empty in a cluster without keys.
	Keys []KeyID
	// Incarnation orders what a member says of itself. It grows with every
	// change, and over restarts.
	Incarnation uint64

	State State
	Since time.Time // when State became so, by the clock of who looks

	leaving  bool // it says that it is about to leave
	declared bool // dead, by memberlist
}

// Change is a transition of one member: another state, other facts, or both.
// When the one who is told is slow, several become one, from the first Before to
// the last After.
type Change struct {
	Before Member // the zero Member for one that is new
	After  Member // the zero Member for one that is forgotten
}

// nothing says that all came back to what it was before anybody was told. What a
// member says is the same when its incarnation is.
func (c Change) nothing() bool {
	b, a := c.Before, c.After
	return b.Name == a.Name && b.State == a.State && b.Incarnation == a.Incarnation && b.Address == a.Address
}

// View is what a member knew at one moment. It does not change any more.
type View struct {
	Cluster  string
	Self     string
	Members  []Member  // by name, the looking one among them
	Problems []Problem // what went wrong lately, with what to do
}

// Member finds one by its name.
func (v View) Member(name string) (Member, bool) {
	i, found := slices.BinarySearchFunc(v.Members, name, func(m Member, name string) int { return strings.Compare(m.Name, name) })
	if !found {
		return Member{}, false
	}
	return v.Members[i], true
}

// Controllers are those that are alive.
func (v View) Controllers() []Member {
	var out []Member
	for _, m := range v.Members {
		if m.Role == Controller && m.State == Alive {
			out = append(out, m)
		}
	}
	return out
}

// Lacking names the members, alive or suspect, that cannot read what is written
// with a key: as long as there are any, nobody may write with it.
func (v View) Lacking(key KeyID) []string {
	var out []string
	for _, m := range v.Members {
		if (m.State == Alive || m.State == Suspect) && !slices.Contains(m.Keys, key) {
			out = append(out, m.Name)
		}
	}
	return out
}
