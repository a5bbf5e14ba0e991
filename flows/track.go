package flows

import of "github.com/weft-sdn/weft/openflow"

// The bits of ct_state (ovs-fields(7)).
const (
	ctNew         = 0x01
	ctEstablished = 0x02
	ctRelated     = 0x04
	ctInvalid     = 0x10
	ctTracked     = 0x20
	ctTranslated  = 0x80 // its destination
)

// tracked matches packets that went through the connection tracker and came
// out with these bits.
func tracked(bits uint64) of.FieldValue {
	return of.CTState.UintMask(ctTracked|bits, ctTracked|bits)
}

// track looks a packet's connection up, and goes on in a table. It needs a
// match on IP.
func track(zone uint16, next uint8, nested ...of.Action) of.Action {
	return of.CT{Zone: zone, Table: next, Nested: nested}
}

// commit is track that also remembers the connection.
func commit(zone uint16, next uint8, nested ...of.Action) of.Action {
	return of.CT{Flags: of.CTCommit, Zone: zone, Table: next, Nested: nested}
}
