package openflow

import "fmt"

// The index of the table of fields, filled as the table defines them.
var (
	fields   []*Field
	byName   = map[string]*Field{}
	byMatch  = map[header]*Field{} // by key, what a match or set_field means
	byAction = map[header]*Field{} // by key, what move, load and the like mean
)

// define enters a field into the index. With two wire names, the first is the
// one of matches and the second the one of actions.
func define(name string, bits, size int, maskable bool, format format, needs need, names ...wireName) *Field {
	w, x := names[0], names[len(names)-1]
	f := &Field{
		Name:      name,
		Bits:      bits,
		Maskable:  maskable,
		size:      size,
		format:    format,
		needs:     needs,
		rank:      len(fields),
		matchName: name,
		oxm:       newHeader(w.class, w.field, w.experimenter, size),
		nxm:       newHeader(x.class, x.field, x.experimenter, size),
		longName:  x.name,
		settable:  1<<min(bits, 64) - 1,
	}
	f.table = f
	fields = append(fields, f)
	f.named(name)
	byMatch[f.oxm.key()] = f
	byAction[f.nxm.key()] = f
	if f.oxm != f.nxm {
		// The other header means the same field. It is kept as it came, so
		// that what is decoded is encoded to the same bytes.
		inMatch, inAction := *f, *f
		inMatch.oxm, inAction.nxm = f.nxm, f.oxm
		byMatch[f.nxm.key()] = &inMatch
		byAction[f.oxm.key()] = &inAction
	}
	return f
}

// printed gives a field the name that a match prints.
func (f *Field) printed(name string) *Field {
	f.matchName = name
	f.named(name)
	return f
}

// holding gives a field other bits to hold than it has: OVS counts 12 bits of
// vlan_vid, and one more says that there is a tag; of arp_op it takes only 8.
func (f *Field) holding(settable uint64) *Field {
	f.settable = settable
	return f
}

// alwaysMasked gives a field the mask with which OVS dumps even exact values.
func (f *Field) alwaysMasked(mask uint64) *Field {
	f.always = mask
	return f
}

func (f *Field) named(name string) {
	if _, taken := byName[name]; !taken {
		byName[name] = f
	}
}

// FieldByName finds a field by its name in set_field or in a match, or returns
// nil. A name that means several fields ("tp_src", "in_port") is the first one's
// in the table.
func FieldByName(name string) *Field { return byName[name] }

// matchField is the field that h means in a match or set_field, for a value of
// size bytes.
func matchField(h header, size int) *Field {
	if f := byMatch[h.key()]; f != nil && (f.size == size || f.size == 0) {
		return f
	}
	return unknownField(h, size)
}

// actionField is the field that h means in an action that names it.
func actionField(h header) *Field {
	if f := byAction[h.key()]; f != nil && f.nxm == h {
		return f
	}
	size := h.payload()
	if h&hasMask != 0 {
		size /= 2
	}
	return unknownField(h, size)
}

func unknownField(h header, size int) *Field {
	name := fmt.Sprintf("%d:%d", h>>48, h>>41&0x7f)
	if h.isExperimenter() {
		name = fmt.Sprintf("%#x:%d", uint32(h), h>>41&0x7f)
	}
	f := &Field{
		Name: name, Bits: size * 8, Maskable: true,
		size: size, format: hexadecimal, rank: len(fields), matchName: name,
		oxm: h &^ hasMask, nxm: h, longName: name, settable: 1<<min(8*size, 64) - 1,
	}
	f.table = f
	return f
}
