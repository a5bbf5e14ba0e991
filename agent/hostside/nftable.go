package hostside

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
)

// chunk is how many elements go into one message: an attribute of netlink can
// have no more than 64 KB.
const chunk = 500

// table is Weft's table in the kernel.
type table struct {
	conn *nftables.Conn
	ref  *nftables.Table
}

func newTable(conn *nftables.Conn) *table {
	return &table{conn: conn, ref: &nftables.Table{Name: tableName, Family: nftables.TableFamilyINet}}
}

func (t *table) exists() (bool, error) {
	_, err := t.conn.ListTableOfFamily(tableName, nftables.TableFamilyINet)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for the nftables table inet %s: %w", tableName, err)
	}
	return true, nil
}

// ensure makes the table as wanted. Where only elements of maps differ, only
// these are changed; anything else is replaced in one transaction, in which no
// packet sees the table half done.
func (t *table) ensure(g Gateway) error {
	sets, chains := wantedSets(g), wantedChains()
	have, err := t.read()
	if err != nil {
		return err
	}
	if have == nil || !have.hasChains(chains) || !have.hasSets(sets) {
		t.replace(sets, chains)
	} else {
		t.changeMaps(have, sets)
	}
	if err := t.conn.Flush(); err != nil {
		return fmt.Errorf("change the nftables table inet %s: %w", tableName, err)
	}
	return nil
}

func (t *table) remove() error {
	there, err := t.exists()
	if err != nil || !there {
		return err
	}
	t.conn.DelTable(t.ref)
	if err := t.conn.Flush(); err != nil {
		return fmt.Errorf("delete the nftables table inet %s: %w", tableName, err)
	}
	return nil
}

// contents is the table as the kernel has it.
type contents struct {
	chains   map[string]*nftables.Chain
	rules    map[string][]*nftables.Rule
	sets     map[string]*nftables.Set
	elements map[string]map[element]bool
}

// read returns nil if there is no table.
func (t *table) read() (*contents, error) {
	there, err := t.exists()
	if err != nil || !there {
		return nil, err
	}
	have := &contents{
		chains: make(map[string]*nftables.Chain), rules: make(map[string][]*nftables.Rule),
		sets: make(map[string]*nftables.Set), elements: make(map[string]map[element]bool),
	}
	chains, err := t.conn.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, fmt.Errorf("list the chains of nftables: %w", err)
	}
	for _, c := range chains {
		if c.Table.Name != tableName {
			continue
		}
		have.chains[c.Name] = c
		if have.rules[c.Name], err = t.conn.GetRules(t.ref, c); err != nil {
			return nil, fmt.Errorf("list the rules of the nftables chain inet %s %s: %w", tableName, c.Name, err)
		}
	}
	sets, err := t.conn.GetSets(t.ref)
	if err != nil {
		return nil, fmt.Errorf("list the sets of the nftables table inet %s: %w", tableName, err)
	}
	for _, s := range sets {
		elements, err := t.conn.GetSetElements(s)
		if err != nil {
			return nil, fmt.Errorf("list the elements of the nftables set inet %s %s: %w", tableName, s.Name, err)
		}
		have.sets[s.Name] = s
		have.elements[s.Name] = make(map[element]bool)
		for _, e := range elements {
			if e.IntervalEnd && isZero(e.Key) {
				continue // where the first interval does not begin, as nft(8) marks it
			}
			have.elements[s.Name][element{key: string(e.Key), value: string(e.Val), end: e.IntervalEnd}] = true
		}
	}
	return have, nil
}

func isZero(b []byte) bool { return !slices.ContainsFunc(b, func(x byte) bool { return x != 0 }) }

// transit is what the set of transit prefixes begins with; it tells which
// connections were an earlier gateway's.
func (c *contents) transit() []netip.Prefix {
	var out []netip.Prefix
	for _, name := range []string{"transit4", "transit6"} {
		var starts, ends []netip.Addr
		for e := range c.elements[name] {
			a, _ := netip.AddrFromSlice([]byte(e.key))
			if e.end {
				ends = append(ends, a)
			} else {
				starts = append(starts, a)
			}
		}
		for _, start := range starts {
			for bits := range start.BitLen() + 1 {
				p := netip.PrefixFrom(start, bits)
				if p.Masked() == p && slices.Contains(ends, behind(p)) {
					out = append(out, p)
					break
				}
			}
		}
	}
	return out
}

// forwards are what the maps lead to.
func (c *contents) forwards() []Forward {
	var out []Forward
	for name, local := range map[string]netip.Addr{
		"forwards4": netip.IPv4Unspecified(), "forwards_at4": {}, "forwards6": netip.IPv6Unspecified(), "forwards_at6": {},
	} {
		for e := range c.elements[name] {
			if f, ok := e.forward(local); ok {
				out = append(out, f)
			}
		}
	}
	return out
}

func (c *contents) hasChains(want []chain) bool {
	if len(c.chains) != len(want) {
		return false
	}
	for _, w := range want {
		have, there := c.chains[w.name]
		if !there || have.Type != w.kind || !equal(have.Hooknum, w.hook) || !equal(have.Priority, w.priority) {
			return false
		}
		if have.Policy != nil && *have.Policy != nftables.ChainPolicyAccept {
			return false
		}
		rules := c.rules[w.name]
		if len(rules) != len(w.rules) {
			return false
		}
		for i := range rules {
			if !sameRule(nftables.TableFamilyINet, rules[i].Exprs, w.rules[i].exprs) {
				return false
			}
		}
	}
	return true
}

func equal[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// sameRule compares what is sent to the kernel, without what counters have
// counted.
func sameRule(family nftables.TableFamily, a, b []expr.Any) bool {
	return slices.EqualFunc(a, b, func(x, y expr.Any) bool {
		return bytes.Equal(encoded(family, x), encoded(family, y))
	})
}

func encoded(family nftables.TableFamily, e expr.Any) []byte {
	if _, counts := e.(*expr.Counter); counts {
		e = &expr.Counter{}
	}
	b, err := expr.Marshal(byte(family), e)
	if err != nil {
		return nil
	}
	return b
}

// hasSets compares what can only be changed by making the set anew, and the
// sets that are no maps.
func (c *contents) hasSets(want []set) bool {
	if len(c.sets) != len(want) {
		return false
	}
	for _, w := range want {
		have, there := c.sets[w.name]
		if !there || have.IsMap != w.isMap || have.Interval == w.isMap ||
			have.KeyType.GetNFTMagic() != w.key.GetNFTMagic() || have.DataType.GetNFTMagic() != w.data.GetNFTMagic() {
			return false
		}
		if w.isMap {
			continue
		}
		if missing, surplus := c.difference(w); len(missing)+len(surplus) > 0 {
			return false
		}
	}
	return true
}

// difference is what a set lacks, and what it has too much.
func (c *contents) difference(w set) (missing, surplus []element) {
	want := make(map[element]bool, len(w.elements))
	for _, e := range w.elements {
		want[e] = true
		if !c.elements[w.name][e] {
			missing = append(missing, e)
		}
	}
	for e := range c.elements[w.name] {
		if !want[e] {
			surplus = append(surplus, e)
		}
	}
	return missing, surplus
}

func (t *table) changeMaps(have *contents, sets []set) {
	for _, w := range sets {
		missing, surplus := have.difference(w)
		s := have.sets[w.name]
		// First out, then in: a forward may lead elsewhere now, and has one key.
		for part := range slices.Chunk(surplus, chunk) {
			t.conn.SetDeleteElements(s, setElements(part))
		}
		for part := range slices.Chunk(missing, chunk) {
			t.conn.SetAddElements(s, setElements(part))
		}
	}
}

func (t *table) replace(sets []set, chains []chain) {
	t.conn.AddTable(t.ref) // or there might be none to delete
	t.conn.DelTable(t.ref)
	t.conn.AddTable(t.ref)
	for _, w := range sets {
		s := &nftables.Set{
			Table: t.ref, Name: w.name, KeyType: w.key, DataType: w.data,
			IsMap: w.isMap, Interval: !w.isMap,
		}
		t.conn.AddSet(s, nil)
		for part := range slices.Chunk(w.elements, chunk) {
			t.conn.SetAddElements(s, setElements(part))
		}
	}
	// All chains first: rules of some jump to others.
	refs := make(map[string]*nftables.Chain)
	for _, w := range chains {
		c := &nftables.Chain{Table: t.ref, Name: w.name, Type: w.kind, Hooknum: w.hook, Priority: w.priority}
		refs[w.name] = t.conn.AddChain(c)
	}
	for _, w := range chains {
		for _, r := range w.rules {
			t.conn.AddRule(&nftables.Rule{Table: t.ref, Chain: refs[w.name], Exprs: r.exprs, UserData: comment(r.comment)})
		}
	}
}

// comment is how nft(8) stores one.
func comment(text string) []byte {
	if text == "" {
		return nil
	}
	return userdata.AppendString(nil, userdata.TypeComment, text)
}

func setElements(elements []element) []nftables.SetElement {
	var out []nftables.SetElement
	for _, e := range elements {
		out = append(out, nftables.SetElement{Key: []byte(e.key), Val: []byte(e.value), IntervalEnd: e.end})
	}
	return out
}
