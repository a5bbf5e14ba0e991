package hostside

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
)

// The verdict "accept" ends one chain only: a packet that Weft's table accepts
// is still dropped by the chain of Docker, or of a firewall, that hooks into
// forwarding too. So what comes from weft-gw or goes there is accepted in each
// of those chains that could drop it. That opens nothing: whatever goes into
// weft-gw meets the flows of Open vSwitch, which let in what is wanted only.

// ruleMark is the comment by which such rules are known, on any host, by any
// agent.
const ruleMark = "weft"

// dockerUser is the chain that Docker keeps for rules of others, at the head of
// its own.
const dockerUser = "DOCKER-USER"

// wantedAccepts are the rules that each place gets, first the first.
func wantedAccepts() [][]expr.Any {
	accept := verdict(expr.VerdictAccept)
	return [][]expr.Any{
		join(in(Interface), counted, accept),
		join(out(Interface), counted, accept),
	}
}

// place is a chain by name.
type place struct {
	family       nftables.TableFamily
	table, chain string
}

func (p place) String() string {
	families := map[nftables.TableFamily]string{
		nftables.TableFamilyIPv4: "ip", nftables.TableFamilyIPv6: "ip6", nftables.TableFamilyINet: "inet",
	}
	return fmt.Sprintf("%s %s %s", families[p.family], p.table, p.chain)
}

// firewall is what the tables of others have of chains.
type firewall struct {
	conn   *nftables.Conn
	chains map[place]*nftables.Chain
	rules  map[place][]*nftables.Rule
}

func readFirewall(conn *nftables.Conn) (*firewall, error) {
	f := &firewall{conn: conn, chains: make(map[place]*nftables.Chain), rules: make(map[place][]*nftables.Rule)}
	for _, family := range []nftables.TableFamily{nftables.TableFamilyIPv4, nftables.TableFamilyIPv6, nftables.TableFamilyINet} {
		chains, err := conn.ListChainsOfTableFamily(family)
		if err != nil {
			return nil, fmt.Errorf("list the chains of nftables: %w", err)
		}
		for _, c := range chains {
			if c.Table.Name == tableName && family == nftables.TableFamilyINet {
				continue
			}
			p := place{family, c.Table.Name, c.Name}
			f.chains[p] = c
			if f.rules[p], err = conn.GetRules(c.Table, c); err != nil {
				return nil, fmt.Errorf("list the rules of the nftables chain %s: %w", p, err)
			}
		}
	}
	return f, nil
}

// dropping lists where rules are wanted: the hooks into forwarding that drop
// something, or in their stead Docker's chain for others, if they jump there.
func (f *firewall) dropping() map[place]bool {
	want := make(map[place]bool)
	for p, c := range f.chains {
		if c.Hooknum == nil || *c.Hooknum != *nftables.ChainHookForward || c.Type != nftables.ChainTypeFilter {
			continue
		}
		reached := f.reachable(p)
		drops := c.Policy != nil && *c.Policy == nftables.ChainPolicyDrop
		for q := range reached {
			drops = drops || slices.ContainsFunc(f.rules[q], ruleDrops)
		}
		if !drops {
			continue
		}
		if user := (place{p.family, p.table, dockerUser}); reached[user] {
			p = user
		}
		want[p] = true
	}
	return want
}

// reachable are the chain and all that it jumps to.
func (f *firewall) reachable(from place) map[place]bool {
	seen := map[place]bool{from: true}
	for todo := []place{from}; len(todo) > 0; todo = todo[1:] {
		for _, r := range f.rules[todo[0]] {
			for _, e := range r.Exprs {
				v, is := e.(*expr.Verdict)
				to := todo[0]
				if !is || v.Chain == "" {
					continue
				}
				if to.chain = v.Chain; !seen[to] {
					seen[to] = true
					todo = append(todo, to)
				}
			}
		}
	}
	return seen
}

// ruleDrops reports whether a rule drops or rejects, on whatever condition.
func ruleDrops(r *nftables.Rule) bool {
	return slices.ContainsFunc(r.Exprs, func(e expr.Any) bool {
		switch e := e.(type) {
		case *expr.Verdict:
			return e.Kind == expr.VerdictDrop
		case *expr.Reject:
			return true
		case *expr.Target: // of iptables
			return e.Name == "REJECT" || e.Name == "DROP"
		}
		return false
	})
}

// marked are the rules of a chain that bear our comment.
func (f *firewall) marked(p place) []*nftables.Rule {
	return slices.DeleteFunc(slices.Clone(f.rules[p]), func(r *nftables.Rule) bool {
		text, there := userdata.GetString(r.UserData, userdata.TypeComment)
		return !there || text != ruleMark || !slices.ContainsFunc(wantedAccepts(), func(w []expr.Any) bool {
			return sameRule(p.family, r.Exprs, w)
		})
	})
}

// ensureAccepted has the rules in exactly the places where they are wanted; in
// none, if there is no gateway.
func ensureAccepted(conn *nftables.Conn, gateway bool) error {
	f, err := readFirewall(conn)
	if err != nil {
		return err
	}
	want := make(map[place]bool)
	if gateway {
		want = f.dropping()
	}
	var errs []error
	for p := range f.chains {
		if err := f.ensure(p, want[p]); err != nil {
			errs = append(errs, fmt.Errorf("change the nftables chain %s, which drops what is forwarded: %w", p, err))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

func (f *firewall) ensure(p place, wanted bool) error {
	have, accepts := f.marked(p), wantedAccepts()
	if wanted && len(have) == len(accepts) && sameRule(p.family, have[0].Exprs, accepts[0]) && sameRule(p.family, have[1].Exprs, accepts[1]) {
		return nil
	}
	for _, r := range have {
		if err := f.conn.DelRule(r); err != nil {
			return err
		}
	}
	if wanted {
		for _, exprs := range slices.Backward(accepts) {
			f.conn.InsertRule(&nftables.Rule{Table: f.chains[p].Table, Chain: f.chains[p], Exprs: exprs, UserData: comment(ruleMark)})
		}
	}
	return f.conn.Flush()
}
