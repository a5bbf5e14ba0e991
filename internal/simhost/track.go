package simhost

import (
	"slices"

	"github.com/weft-sdn/weft/openflow"
)

// knownState tells whether all bits of a ct_state are ones that there are.
func knownState(v openflow.FieldValue) bool {
	mask := v.Mask
	if mask == nil {
		mask = v.Value
	}
	const known = 0xff // of the last byte: from new to dnat
	return !slices.ContainsFunc(mask[:len(mask)-1], func(b byte) bool { return b != 0 }) && mask[len(mask)-1]&^known == 0
}

// isTracked tells whether a field belongs to the connection, so that only a ct
// action can write it.
func isTracked(f *openflow.Field) bool {
	return f.Name == openflow.CTMark.Name || f.Name == openflow.CTLabel.Name
}

// isIP refuses packets that may be something else.
func (e *examination) isIP() *openflow.ErrorCode {
	if e.bucket || e.isFamily(0x0800) || e.isFamily(0x86dd) {
		return nil
	}
	return because(errInconsistent)
}

func (e *examination) isFamily(etherType uint64) bool {
	want := openflow.EthType.Uint(etherType)
	return slices.ContainsFunc(e.match, func(v openflow.FieldValue) bool {
		return v.Field == want.Field && v.Mask == nil && slices.Equal(v.Value, want.Value)
	})
}

// track examines a ct action with what it does to the connection.
func (e *examination) track(a openflow.CT) *openflow.ErrorCode {
	commits := a.Flags&openflow.CTCommit != 0
	if a.Flags&openflow.CTForce != 0 && !commits {
		return because(errBadArgument)
	}
	for _, n := range a.Nested {
		var refused *openflow.ErrorCode
		switch n := n.(type) {
		case openflow.NAT:
			refused = e.translate(n, commits)
		case openflow.SetField:
			refused = onConnection(n.Field, commits)
		case openflow.Load:
			refused = onConnection(n.Dst.Field, commits)
		case openflow.Move:
			refused = onConnection(n.Dst.Field, commits)
		default:
			refused = because(errBadArgument)
		}
		if refused != nil {
			return refused
		}
	}
	return e.isIP()
}

func (e *examination) translate(n openflow.NAT, commits bool) *openflow.ErrorCode {
	source, destination := n.Flags&openflow.NATSrc != 0, n.Flags&openflow.NATDst != 0
	switch {
	case source && destination, (source || destination) && !commits:
		return because(errBadArgument)
	case n.Min.Is4() && !e.bucket && !e.isFamily(0x0800), n.Min.Is6() && !e.bucket && !e.isFamily(0x86dd):
		return because(errInconsistent)
	}
	return nil
}

// onConnection examines a write of a field inside of a ct action.
func onConnection(f *openflow.Field, commits bool) *openflow.ErrorCode {
	if !isTracked(f) || !commits {
		return because(errBadArgument)
	}
	return nil
}

// learn examines the flows that a learn action would make: they, too, must
// match what their fields need.
func (e *examination) learn(a openflow.Learn) *openflow.ErrorCode {
	if a.Table == openflow.TableAll {
		return because(errBadArgument)
	}
	learned := examination{}
	for _, s := range a.Specs {
		if s.Src.Field != nil {
			if refused := e.has(zero(s.Src.Field)); refused != nil {
				return refused
			}
		}
		if s.Kind == openflow.LearnOutput {
			continue
		}
		v := zero(s.Dst.Field)
		if s.Src.Field == nil && s.Bits == s.Dst.Field.Bits {
			v.Value = s.Value[len(s.Value)-len(v.Value):]
		}
		if refused := learned.has(v); refused != nil {
			return refused
		}
		if s.Kind == openflow.LearnMatch {
			learned.match = append(learned.match, v)
		}
	}
	return nil
}
