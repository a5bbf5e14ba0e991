package simhost

import (
	"slices"

	"github.com/weft-sdn/weft/openflow"
)

// Errors of Open vSwitch 3.1 (OpenFlow 1.4.1, section 7.5.4).
var (
	errBadType        = openflow.ErrorCode{Type: 1, Code: 1}
	errBadMultipart   = openflow.ErrorCode{Type: 1, Code: 2}
	errBadVendor      = openflow.ErrorCode{Type: 1, Code: 3}
	errBadSubtype     = openflow.ErrorCode{Type: 1, Code: 4}
	errBadLen         = openflow.ErrorCode{Type: 1, Code: 6}
	errNotPermitted   = openflow.ErrorCode{Type: 1, Code: 5}
	errSlave          = openflow.ErrorCode{Type: 1, Code: 10}
	errBadAction      = openflow.ErrorCode{Type: 2, Code: 0}
	errBadOutPort     = openflow.ErrorCode{Type: 2, Code: 4}
	errBadOutGroup    = openflow.ErrorCode{Type: 2, Code: 9}
	errBadArgument    = openflow.ErrorCode{Type: 2, Code: 5}
	errBadSetArgument = openflow.ErrorCode{Type: 2, Code: 15}
	errInconsistent   = openflow.ErrorCode{Type: 2, Code: 10}
	errBadInstruction = openflow.ErrorCode{Type: 3, Code: 0}
	errBadGoto        = openflow.ErrorCode{Type: 3, Code: 2}
	errDupInstruction = openflow.ErrorCode{Type: 3, Code: 9}
	errBadMatchLen    = openflow.ErrorCode{Type: 4, Code: 1}
	errBadWildcards   = openflow.ErrorCode{Type: 4, Code: 5}
	errBadField       = openflow.ErrorCode{Type: 4, Code: 6}
	errBadValue       = openflow.ErrorCode{Type: 4, Code: 7}
	errBadMask        = openflow.ErrorCode{Type: 4, Code: 8}
	errBadPrereq      = openflow.ErrorCode{Type: 4, Code: 9}
	errDupField       = openflow.ErrorCode{Type: 4, Code: 10}
	errAllTables      = openflow.ErrorCode{Type: 5, Code: 2}
	errBadCommand     = openflow.ErrorCode{Type: 5, Code: 6}
	errGroupExists    = openflow.ErrorCode{Type: 6, Code: 0}
	errBadGroup       = openflow.ErrorCode{Type: 6, Code: 1}
	errWatch          = openflow.ErrorCode{Type: 6, Code: 6}
	errUnknownGroup   = openflow.ErrorCode{Type: 6, Code: 8}
	errGroupType      = openflow.ErrorCode{Type: 6, Code: 10}
	errGroupCommand   = openflow.ErrorCode{Type: 6, Code: 11}
	errBadRole        = openflow.ErrorCode{Type: 11, Code: 2}
	errMeterExists    = openflow.ErrorCode{Type: 12, Code: 1}
	errMeterCommand   = openflow.ErrorCode{Type: 12, Code: 4}
	errMeterBand      = openflow.ErrorCode{Type: 12, Code: 8}
	errBundleID       = openflow.ErrorCode{Type: 17, Code: 2}
	errBundleType     = openflow.ErrorCode{Type: 17, Code: 6}
	errBundleFlags    = openflow.ErrorCode{Type: 17, Code: 7}
	errBundleXID      = openflow.ErrorCode{Type: 17, Code: 9}
	errBundleMessage  = openflow.ErrorCode{Type: 17, Code: 10}
)

// refer to an error code of the list above.
func because(code openflow.ErrorCode) *openflow.ErrorCode { return &code }

// ownTable is the table that Open vSwitch keeps for itself.
const ownTable = 254

// examine says what Open vSwitch has against a flow whatever else there is,
// and which groups must be there.
func examine(b *body) (groups []uint32, refused *openflow.ErrorCode) {
	match, _, err := openflow.ParseMatch([]byte(b.match()))
	if err != nil {
		return nil, because(errBadMatchLen)
	}
	if refused := examineMatch(match); refused != nil {
		return nil, refused
	}
	is, err := openflow.ParseInstructions([]byte(b.instructions()))
	if err != nil {
		return nil, because(errBadLen)
	}
	e := examination{match: match}
	refused = e.instructions(b.bytes[0], is)
	return e.groups, refused
}

func examineMatch(m openflow.Match) *openflow.ErrorCode {
	for i, v := range m {
		f := openflow.FieldByName(v.Field.Name)
		if f == nil {
			return because(errBadField)
		}
		if v.Mask != nil && !f.Maskable {
			return because(errBadMask)
		}
		for j, mask := range v.Mask {
			if v.Value[j]&^mask != 0 {
				return because(errBadWildcards)
			}
		}
		if f == openflow.CTState && !knownState(v) {
			return because(errBadValue)
		}
		if slices.ContainsFunc(m[:i], func(o openflow.FieldValue) bool { return o.Field.Name == f.Name }) {
			return because(errDupField)
		}
	}
	if m.Check() != nil {
		return because(errBadPrereq)
	}
	return nil
}

// examination looks at the actions of a flow or a bucket.
type examination struct {
	match  openflow.Match // what is known of the packets
	bucket bool           // of a group, of which the match is not known
	groups []uint32       // that actions refer to
}

func (e *examination) instructions(table uint8, is []openflow.Instruction) *openflow.ErrorCode {
	seen := map[string]bool{}
	for _, i := range is {
		kind := ""
		var refused *openflow.ErrorCode
		switch i := i.(type) {
		case openflow.GotoTable:
			kind = "goto"
			if i.Table <= table || i.Table == openflow.TableAll {
				refused = because(errBadGoto)
			}
		case openflow.ApplyActions:
			kind, refused = "apply", e.actions(i.Actions)
		case openflow.WriteActions:
			kind, refused = "write", e.actions(i.Actions)
		case openflow.ClearActions:
			kind = "clear"
		case openflow.WriteMetadata:
			kind = "metadata"
		default:
			return because(errBadInstruction)
		}
		if refused != nil {
			return refused
		}
		if seen[kind] {
			return because(errDupInstruction)
		}
		seen[kind] = true
	}
	return nil
}

func (e *examination) actions(as []openflow.Action) *openflow.ErrorCode {
	for _, a := range as {
		var refused *openflow.ErrorCode
		switch a := a.(type) {
		case openflow.Output:
			if !outPort(a.Port) {
				refused = because(errBadOutPort)
			}
		case openflow.Group:
			e.groups = append(e.groups, a.ID)
		case openflow.SetField:
			refused = e.sets(a.FieldValue)
		case openflow.Load:
			refused = e.sets(zero(a.Dst.Field))
		case openflow.Move:
			if refused = e.has(zero(a.Src.Field)); refused == nil {
				refused = e.sets(zero(a.Dst.Field))
			}
		case openflow.CT:
			refused = e.track(a)
		case openflow.NAT:
			refused = because(errBadSetArgument)
		case openflow.DecTTL:
			refused = e.isIP()
		case openflow.Multipath:
			if refused = e.sets(zero(a.Dst.Field)); int(a.MaxLink) >= 1<<a.Dst.Bits {
				refused = because(errBadArgument)
			}
		case openflow.Learn:
			refused = e.learn(a)
		case openflow.UnknownAction:
			refused = because(errBadAction)
		}
		if refused != nil {
			return refused
		}
	}
	return nil
}

// sets tells whether an action may write a field.
func (e *examination) sets(v openflow.FieldValue) *openflow.ErrorCode {
	if isTracked(v.Field) {
		return because(errBadSetArgument)
	}
	return e.has(v)
}

// has tells whether the packets have a field that an action uses.
func (e *examination) has(v openflow.FieldValue) *openflow.ErrorCode {
	if e.bucket {
		return nil // Open vSwitch looks at these only as a packet passes
	}
	others := slices.DeleteFunc(slices.Clone(e.match), func(o openflow.FieldValue) bool { return o.Field.Name == v.Field.Name })
	if openflow.NewMatch(append(others, openflow.FieldValue{Field: v.Field, Value: v.Value})...).Check() != nil {
		return because(errInconsistent)
	}
	return nil
}

// zero is a field with no bit set, whatever its size.
func zero(f *openflow.Field) openflow.FieldValue {
	return openflow.FieldValue{Field: f, Value: make([]byte, (f.Bits+7)/8)}
}

// outPort tells whether Open vSwitch takes a port as one to output to: ports
// have 16 bits there, less those that are reserved.
func outPort(port uint32) bool {
	return port < 0xff00 || port >= openflow.PortInPort && port != openflow.PortAny
}
