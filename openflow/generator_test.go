package openflow

import (
	"math/rand/v2"
	"net/netip"
	"slices"
)

// A generator makes random flows that OVS accepts.
type generator struct{ *rand.Rand }

// A kind is what the packets of a flow have in common: the fields that make them
// so, in the order of matches.
type kind []FieldValue

func (g *generator) kind() kind {
	l3 := func(ethType, proto uint64, more ...FieldValue) kind {
		return append(kind{EthType.Uint(ethType), IPProto.Uint(proto)}, more...)
	}
	kinds := []kind{
		{},
		{EthType.Uint(0x88cc)},
		{VLANVID.Uint(0)},
		{VLANVID.UintMask(vlanPresent, vlanPresent)},
		{VLANVID.Uint(vlanPresent | 5)},
		{EthType.Uint(ethARP)},
		{EthType.Uint(ethRARP)},
		{EthType.Uint(ethIPv4)},
		{EthType.Uint(ethIPv6)},
		{EthType.Uint(ethMPLS)},
		{EthType.Uint(ethMPLSM)},
		{EthType.Uint(ethIPv4), CTState.UintMask(ctTracked, ctTracked|ctInvalid)},
		{EthType.Uint(ethIPv6), CTState.UintMask(ctTracked|1, ctTracked|1)},
		{EthType.Uint(ethIPv6), CTState.UintMask(ctTracked|1, ctTracked|1), CTNWProto.Uint(ipTCP)},
		{EthType.Uint(ethIPv4), CTState.UintMask(ctTracked|2, ctTracked|2), CTNWProto.Uint(ipUDP)},
		{EthType.Uint(ethIPv4), IPProto.Uint(47)},
		l3(ethIPv4, ipTCP), l3(ethIPv4, ipUDP), l3(ethIPv4, ipSCTP), l3(ethIPv4, ipICMP),
		l3(ethIPv4, ipICMPv6), l3(ethIPv6, ipICMP),
		l3(ethIPv6, ipTCP), l3(ethIPv6, ipUDP), l3(ethIPv6, ipSCTP), l3(ethIPv6, ipICMPv6),
		l3(ethIPv6, ipICMPv6, ICMPv6Type.Uint(ndSolicit)),
		l3(ethIPv6, ipICMPv6, ICMPv6Type.Uint(ndAdvert)),
		l3(ethIPv4, ipTCP, VLANVID.Uint(vlanPresent|7)),
	}
	return kinds[g.IntN(len(kinds))]
}

// readOnly are the fields that no action may set (man ovs-fields, "Access").
var readOnly = []*Field{
	ConjID, ActsetOutput, PacketType, CTState, CTZone, CTNWSrc, CTNWDst, CTIPv6Src, CTIPv6Dst,
	CTNWProto, CTTPSrc, CTTPDst, EthType, MPLSBOS, IPProto, IPFrag, TCPFlags,
}

// notMatched are the fields that come back from a dump as others, or not at all
// without more set up on the switch.
var notMatched = slices.Concat([]*Field{InPort16, VLANTCI, IPTOS, PacketType, ActsetOutput},
	XReg[:], XXReg[:], TunMetadata[:])

func (g *generator) match(k kind) Match {
	values := slices.Clone(k)
	for _, f := range fields {
		_, fixed := Match(k).find(f)
		if !fixed && !slices.Contains(notMatched, f) && NewMatch(values...).has(f.needs) && !impliesMore(f) && g.IntN(5) == 0 {
			values = append(values, g.value(f))
		}
	}
	return NewMatch(values...)
}

// impliesMore are the fields on which the needs of others depend, so that only
// kinds have them.
func impliesMore(f *Field) bool {
	return f == EthType || f == IPProto || f == ICMPv6Type || f == VLANVID || f == CTState || f == CTNWProto
}

// value is a value that f may have in a match, with a mask one time in two if it
// may have one.
func (g *generator) value(f *Field) FieldValue {
	value, mask := g.bits(f), g.bits(f)
	switch {
	case f == IPFrag:
		return []FieldValue{
			IPFrag.Uint(0), IPFrag.Uint(1), IPFrag.Uint(3),
			IPFrag.UintMask(1, 1), IPFrag.UintMask(0, 2), IPFrag.UintMask(2, 2),
		}[g.IntN(6)]
	case f == InPort:
		return InPort.Uint([]uint64{1, 2, 77, PortLocal, PortController}[g.IntN(5)])
	case !f.Maskable || g.IntN(2) == 0:
		return FieldValue{Field: f, Value: value}
	case f.format == address && g.IntN(2) == 0:
		a, _ := netip.AddrFromSlice(value)
		return f.Prefix(netip.PrefixFrom(a, g.IntN(f.Bits+1)))
	}
	return f.masked(value, mask)
}

// bits is a random value, sparse now and then so that zeros and runs occur.
func (g *generator) bits(f *Field) []byte {
	b := make([]byte, f.size)
	for i := range b {
		if g.IntN(4) != 0 {
			b[i] = byte(g.Uint32())
		}
	}
	if g.IntN(8) == 0 {
		clear(b)
	}
	for i, x := range f.fullMask() {
		b[i] &= x
	}
	return b
}

func (g *generator) instructions(k kind) []Instruction {
	var is []Instruction
	if as := g.actions(k, 5); len(as) > 0 {
		is = append(is, ApplyActions{as})
	}
	if g.IntN(10) == 0 {
		is = append(is, ClearActions{})
	}
	if g.IntN(10) == 0 {
		is = append(is, WriteActions{[]Action{g.settable(k)}})
	}
	if g.IntN(5) == 0 {
		is = append(is, WriteMetadata{g.Uint64(), ^uint64(0)})
	}
	if g.IntN(2) == 0 {
		is = append(is, GotoTable{[]uint8{1, 2, 60, 253}[g.IntN(4)]})
	}
	return is
}

func (g *generator) actions(k kind, most int) []Action {
	as := make([]Action, 0, most)
	for range g.IntN(most + 1) {
		as = append(as, g.action(k))
	}
	return as
}

func (g *generator) action(k kind) Action {
	makers := []func() Action{
		func() Action { return Output{Port: g.port()} },
		func() Action { return Output{PortController, uint16(g.Uint32())} },
		func() Action { return OutputTrunc{uint16(1 + g.IntN(2)), 14 + g.Uint32()>>8} },
		func() Action { return OutputReg{g.part(Reg[g.IntN(16)], 32), uint16(g.Uint32())} },
		func() Action { return Group{7} },
		func() Action { return ResubmitTo(g.table()) },
		func() Action { return Resubmit{Port: uint16(1 + g.IntN(3)), Table: g.table()} },
		func() Action { return Resubmit{Port: uint16(1 + g.IntN(3)), Table: TableAll} },
		func() Action { return g.controller() },
		func() Action { return SetField{g.settable(k).FieldValue} },
		func() Action { return SetField{g.settable(k).FieldValue} },
		func() Action { return g.load(k) },
		func() Action { return g.load(k) },
		func() Action { return g.move(k) },
		func() Action { return g.move(k) },
		func() Action { return Push{g.part(Reg[g.IntN(16)], 32)} },
		func() Action { return Pop{g.part(Reg[g.IntN(16)], 32)} },
		func() Action { return CheckPktLarger{uint16(g.Uint32()), g.part(Reg[g.IntN(16)], 1)} },
		func() Action { return Clone{g.actions(kind{}, 2)} },
		func() Action { return g.learn() },
		func() Action { return Note{append(make([]byte, 6), byte(g.Uint32()), 0, 0, 0, 0, 0, 0, 0)} },
		func() Action { return Exit{} },
		func() Action { return SetQueue{g.Uint32()} },
		func() Action { return PopQueue{} },
		func() Action { return Multipath{uint16(g.IntN(7)), 5, uint16(g.IntN(4)), 3, 2, Reg[1].Range(0, 7)} },
		func() Action { return Bundle{uint16(g.IntN(2)), 0, 3, []uint16{1, 2}, Subfield{}} },
		func() Action { return Bundle{uint16(g.IntN(2)), 4, 3, []uint16{2}, Reg[2].All()} },
		func() Action {
			return Sample{uint16(1 + g.IntN(0xffff)), g.Uint32(), g.Uint32(), g.Uint32()}
		},
	}
	m := NewMatch(k...)
	if m.has(isIP) {
		makers = append(makers,
			func() Action { return DecTTL{} },
			func() Action { return DecTTL{[]uint16{1, uint16(g.Uint32())}} },
			func() Action { return SetTTL{uint8(g.Uint32())} },
			func() Action { return CTClear{} },
			func() Action { return g.ct(k) },
			func() Action { return g.ct(k) },
			func() Action { return g.ct(k) },
		)
	}
	if m.has(isTCP) {
		makers = append(makers, func() Action { return FinTimeout{uint16(g.IntN(3)), uint16(g.Uint32())} })
	}
	if m.has(isMPLS) {
		makers = append(makers,
			func() Action { return DecMPLSTTL{} },
			func() Action { return SetMPLSTTL{uint8(g.Uint32())} },
		)
	}
	return makers[g.IntN(len(makers))]()
}

func (g *generator) port() uint32 {
	return []uint32{1, 2, 3, PortInPort, PortNormal, PortFlood, PortAll, PortLocal}[g.IntN(8)]
}

func (g *generator) table() uint8 { return []uint8{0, 1, 2, 60, 253}[g.IntN(5)] }

// part is a random range of a field's bits, at most so many.
func (g *generator) part(f *Field, most int) Subfield {
	if f.Bits <= most && g.IntN(2) == 0 {
		return f.All()
	}
	n := 1 + g.IntN(min(f.Bits, most))
	return Subfield{f, g.IntN(f.Bits - n + 1), n}
}

func (g *generator) controller() Action {
	a := Controller{
		MaxLen: uint16(g.Uint32()),
		ID:     uint16(1 + g.IntN(9)),
		Reason: []uint8{ReasonNoMatch, ReasonAction, ReasonInvalidTTL}[g.IntN(3)],
	}
	if g.IntN(2) == 0 {
		a.UserData = make([]byte, 1+g.IntN(20))
		a.Pause = g.IntN(2) == 0
	}
	if g.IntN(2) == 0 {
		a.Meter = 1 + g.Uint32()>>4
	}
	return a
}

// writable is a field that the actions of a flow of a kind may set.
func (g *generator) writable(k kind) *Field {
	m := NewMatch(k...)
	for {
		f := fields[g.IntN(len(fields))]
		// tun_metadata needs a table on the switch, the connection's fields can
		// only be set inside ct, OVS takes in_port only under its NXM name, and
		// vlan_tci may take the tag away from under what follows.
		if f.size == 0 || f == InPort || f == VLANTCI || f == CTMark || f == CTLabel || slices.Contains(readOnly, f) || !m.has(f.needs) {
			continue
		}
		if (f == VLANVID || f == VLANPCP) && !m.has(vlanTag) {
			continue
		}
		return f
	}
}

func (g *generator) settable(k kind) SetField {
	f := g.writable(k)
	v := FieldValue{Field: f, Value: g.bits(f)}
	switch f {
	case VLANVID:
		v.Value[0] |= vlanPresent >> 8
	case InPort16:
		v.Value = f.Uint(uint64(1 + g.IntN(3))).Value
	case IPTOS:
		v.Value[0] &^= 3 // the bits of ECN
	case ICMPv6Type:
		// OVS sees the type that is set when it checks what comes after.
		v.Value[0] = byte(number(kindValue(k, f, uint64(v.Value[0])).Value))
	}
	return SetField{v}
}

// kindValue is the value that a kind gives to f, or v.
func kindValue(k kind, f *Field, v uint64) FieldValue {
	if fixed, has := Match(k).find(f); has {
		return fixed
	}
	return f.Uint(v)
}

func (g *generator) load(k kind) Action {
	dst := g.part(g.writable(k), 64)
	v := g.Uint64()
	if dst.Bits < 64 {
		v &= 1<<dst.Bits - 1
	}
	return Load{dst, v}
}

func (g *generator) move(k kind) Action {
	dst := g.part(g.writable(k), 128)
	if dst.Field == InPort16 || dst.Field == ICMPv6Type {
		return g.move(k)
	}
	m := NewMatch(k...)
	for {
		src := fields[g.IntN(len(fields))]
		if src.size > 0 && src.Bits >= dst.Bits && m.has(src.needs) {
			return Move{Subfield{src, g.IntN(src.Bits - dst.Bits + 1), dst.Bits}, dst}
		}
	}
}

func (g *generator) ct(k kind) Action {
	a := CT{Table: []uint8{NoTable, 0, 1, 60}[g.IntN(4)]}
	if g.IntN(2) == 0 {
		a.ZoneFrom = Reg[g.IntN(16)].Range(8, 23)
	} else {
		a.Zone = uint16(g.Uint32())
	}
	if g.IntN(2) == 0 {
		a.Nested = append(a.Nested, NAT{})
	}
	if g.IntN(2) == 0 {
		return a
	}
	a.Flags = uint16(1 + 2*g.IntN(2))
	a.Nested = nil
	if g.IntN(2) == 0 {
		a.Nested = append(a.Nested, g.nat(k))
	}
	if g.IntN(2) == 0 {
		a.Nested = append(a.Nested, SetField{CTMark.Uint(uint64(g.Uint32()))})
	}
	if g.IntN(2) == 0 {
		a.Nested = append(a.Nested, Load{g.part(CTLabel, 1), 1}, Move{Reg[1].All(), CTMark.All()})
	}
	m := NewMatch(k...)
	switch {
	case m.has(isTCP) && g.IntN(2) == 0:
		a.ALG = ALGFTP
	case m.has(isUDP) && g.IntN(2) == 0:
		a.ALG = ALGTFTP
	}
	return a
}

func (g *generator) nat(k kind) Action {
	a := NAT{Flags: uint16(1 + g.IntN(2))}
	if g.IntN(4) == 0 {
		return a
	}
	b := g.bits(IPv4Src)
	if NewMatch(k...).has(isIPv6) {
		b = g.bits(IPv6Src)
	}
	b[0] |= 1
	a.Min, _ = netip.AddrFromSlice(b)
	if g.IntN(2) == 0 {
		b[len(b)-1] = 0xff
		b[0] |= 0x80
		a.Max, _ = netip.AddrFromSlice(b)
	}
	if g.IntN(2) == 0 {
		a.PortMin = uint16(1 + g.IntN(1000))
		if g.IntN(2) == 0 {
			a.PortMax = a.PortMin + uint16(1+g.IntN(1000))
		}
	}
	a.Flags |= []uint16{0, NATPersistent, NATHash, NATRandom, NATPersistent | NATRandom}[g.IntN(5)]
	return a
}

func (g *generator) learn() Action {
	a := Learn{
		IdleTimeout: uint16(g.IntN(3)), HardTimeout: uint16(g.IntN(3)),
		Priority: uint16(g.IntN(2)) << 15, Cookie: uint64(g.IntN(3)), Flags: uint16(g.IntN(4)), Table: g.table(),
		FinIdleTimeout: uint16(g.IntN(2)), FinHardTimeout: uint16(g.IntN(2)),
		Limit: uint32(g.IntN(2)),
	}
	if g.IntN(2) == 0 {
		a.Flags |= LearnWriteResult
		a.Result = g.part(Reg[3], 1)
	}
	port, dst := Reg[5].Range(0, 15), Reg[g.IntN(16)]
	a.Specs = append(a.Specs, []LearnSpec{
		{LearnMatch, 64, Metadata.All(), nil, Metadata.All()},
		{LearnMatch, 48, EthSrc.All(), nil, EthDst.All()},
		{LearnMatch, 32, Subfield{}, Reg[0].Uint(5).Value, dst.All()},
		{LearnMatch, 5, Subfield{}, []byte{0, 5}, dst.Range(3, 7)},
		{LearnMatch, 16, Subfield{}, []byte{0x08, 0x06}, EthType.All()},
		{LearnLoad, 16, InPort16.All(), nil, dst.Range(8, 23)},
		{LearnLoad, 1, Subfield{}, []byte{0, 1}, dst.Range(8, 8)},
		{LearnLoad, 32, Subfield{}, []byte{0, 0, 0, 0}, dst.All()},
		{LearnOutput, 16, InPort16.All(), nil, Subfield{}},
		{LearnOutput, 16, port, nil, Subfield{}},
	}[g.IntN(10)])
	return a
}
