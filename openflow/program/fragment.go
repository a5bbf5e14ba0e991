package program

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/weft-sdn/weft/openflow"
)

// Key names a fragment. Its meaning belongs to whoever makes the fragments.
type Key struct {
	Kind       uint8
	VNI, Owner uint32
}

// String returns the three numbers, for logs and errors.
func (k Key) String() string { return fmt.Sprintf("%d/%d/%d", k.Kind, k.VNI, k.Owner) }

// Compare orders keys by kind, VNI and owner.
func (k Key) Compare(l Key) int {
	return cmp.Or(cmp.Compare(k.Kind, l.Kind), cmp.Compare(k.VNI, l.VNI), cmp.Compare(k.Owner, l.Owner))
}

// Fragment is the flows and groups of one owner in one role. It is shared:
// once handed out, nobody changes it.
type Fragment struct {
	Key    Key
	Flows  []Flow
	Groups []Group
}

// HasGroups tells whether a fragment has groups; none has none.
func (f *Fragment) HasGroups() bool { return f != nil && len(f.Groups) > 0 }

// Change is the new fragment of a key, nil where there is none any more.
type Change struct {
	Key      Key
	Fragment *Fragment
}

// Check refuses fragments that cannot be one program: two flows of one
// identity, of which the switch would silently keep the last, two groups of
// one id, and what does not fit into an OpenFlow message.
func Check(fragments ...*Fragment) error {
	var errs []error
	flows := make(map[Identity]Key)
	groups := make(map[uint32]Key)
	for _, fr := range fragments {
		for _, f := range fr.Flows {
			if other, taken := flows[f.Identity()]; taken {
				errs = append(errs, fmt.Errorf("fragments %v and %v both have a flow %q", other, fr.Key, f))
			}
			flows[f.Identity()] = fr.Key
			if err := fits(len(f.AppendAdd(nil, 0))); err != nil {
				errs = append(errs, fmt.Errorf("fragment %v: flow in table %d: %w", fr.Key, f.Table(), err))
			}
		}
		for _, g := range fr.Groups {
			if other, taken := groups[g.id]; taken {
				errs = append(errs, fmt.Errorf("fragments %v and %v both have a group %d", other, fr.Key, g.id))
			}
			groups[g.id] = fr.Key
			if err := fits(len(g.AppendAddOrMod(nil, 0))); err != nil {
				errs = append(errs, fmt.Errorf("fragment %v: group %d: %w", fr.Key, g.id, err))
			}
		}
	}
	return errors.Join(errs...)
}

// bundleAddLen is what a message in a bundle is wrapped in.
const bundleAddLen = 16

// fits tells whether a message of n bytes can be put into a bundle.
func fits(n int) error {
	if most := openflow.MaxMessage - bundleAddLen; n > most {
		return fmt.Errorf("its message has %d bytes, and OpenFlow allows %d in a bundle: split it", n, most)
	}
	return nil
}
