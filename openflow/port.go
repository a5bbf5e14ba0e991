package openflow

import (
	"bytes"
	"encoding/binary"
)

// Bits of Port.Config and Port.State (section 7.2.1).
const (
	PortConfigDown    uint32 = 1 << 0
	PortStateLinkDown uint32 = 1 << 0
	PortStateBlocked  uint32 = 1 << 1
	PortStateLive     uint32 = 1 << 2
)

// Port describes a port of a bridge.
type Port struct {
	Number     uint32
	MAC        [6]byte
	Name       string
	Config     uint32
	State      uint32
	Ethernet   *PortEthernet
	Properties []Property // other than Ethernet
}

// Live tells whether what is sent to the port arrives, as far as Open vSwitch
// knows: the link is up, and so is the BFD session, if there is one. It is what
// a group's bucket that watches the port goes by.
func (p *Port) Live() bool { return p.State&PortStateLive != 0 }

// LinkDown tells whether the port has no link.
func (p *Port) LinkDown() bool { return p.State&PortStateLinkDown != 0 }

// PortEthernet holds what an Ethernet port can do, features as bits, speeds in
// kbit/s.
type PortEthernet struct {
	Current, Advertised, Supported, Peer uint32
	CurrentSpeed, MaxSpeed               uint32
}

const (
	propertyEthernet = 0
	portNameLen      = 16
	portLen          = 40 // without properties
)

func (p *Port) appendTo(b []byte) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint32(b, p.Number)
	b = zeros(b, 4) // length, set below, and padding
	b = append(b, p.MAC[:]...)
	b = append(b, 0, 0)
	b = appendPadded(b, p.Name, portNameLen)
	b = binary.BigEndian.AppendUint32(b, p.Config)
	b = binary.BigEndian.AppendUint32(b, p.State)
	if e := p.Ethernet; e != nil {
		b = binary.BigEndian.AppendUint16(b, propertyEthernet)
		b = binary.BigEndian.AppendUint16(b, 32)
		b = zeros(b, 4)
		for _, v := range [...]uint32{e.Current, e.Advertised, e.Supported, e.Peer, e.CurrentSpeed, e.MaxSpeed} {
			b = binary.BigEndian.AppendUint32(b, v)
		}
	}
	return closeEntry(appendProperties(b, p.Properties), start, 4)
}

// decodePort reads a port that fills d.
func decodePort(d *decoder) Port {
	p := Port{Number: d.u32()}
	d.skip(4)
	copy(p.MAC[:], d.next(6))
	d.skip(2)
	p.Name = cString(d.next(portNameLen))
	p.Config, p.State = d.u32(), d.u32()
	for _, prop := range decodeProperties(d) {
		if prop.Type != propertyEthernet || len(prop.Data) != 28 || p.Ethernet != nil {
			p.Properties = append(p.Properties, prop)
			continue
		}
		e := &decoder{b: prop.Data[4:]}
		p.Ethernet = &PortEthernet{e.u32(), e.u32(), e.u32(), e.u32(), e.u32(), e.u32()}
	}
	return p
}

// cString is the text before the first NUL of a fixed field.
func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// appendPadded appends s in a field of n bytes, cut so that a NUL ends it.
func appendPadded(b []byte, s string, n int) []byte {
	s = s[:min(len(s), n-1)]
	return zeros(append(b, s...), n-len(s))
}

// PortReason says why a PortStatus came.
type PortReason uint8

// The reasons.
const (
	PortAdded    PortReason = 0
	PortDeleted  PortReason = 1
	PortModified PortReason = 2
)

// PortStatus tells that a port came, went or changed.
type PortStatus struct {
	Reason PortReason
	Port   Port
}

// Type returns TypePortStatus.
func (*PortStatus) Type() Type { return TypePortStatus }

// AppendTo appends the message.
func (m *PortStatus) AppendTo(b []byte, xid uint32) []byte {
	start := len(b)
	b = append(begin(b, TypePortStatus, xid), byte(m.Reason))
	return finish(m.Port.appendTo(zeros(b, 7)), start)
}

func decodePortStatus(d *decoder) Message {
	m := &PortStatus{Reason: PortReason(d.u8())}
	d.skip(7)
	d.entries(4, portLen, func(e *decoder) { m.Port = decodePort(e) })
	return m
}

// PortDescs is the body of a port description reply.
type PortDescs []Port

// PortStatistics counts what went through a port.
type PortStatistics struct {
	Port                 uint32
	DurationSec          uint32
	DurationNsec         uint32
	RxPackets, TxPackets uint64
	RxBytes, TxBytes     uint64
	RxDropped, TxDropped uint64
	RxErrors, TxErrors   uint64
	Properties           []Property // Ethernet errors, and counters of a vendor
}

const portStatsLen = 80 // without properties

func (p *PortStatistics) appendTo(b []byte) []byte {
	start := len(b)
	b = zeros(b, 4) // length, set below, and padding
	b = binary.BigEndian.AppendUint32(b, p.Port)
	b = binary.BigEndian.AppendUint32(b, p.DurationSec)
	b = binary.BigEndian.AppendUint32(b, p.DurationNsec)
	for _, v := range [...]uint64{p.RxPackets, p.TxPackets, p.RxBytes, p.TxBytes, p.RxDropped, p.TxDropped, p.RxErrors, p.TxErrors} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return closeEntry(appendProperties(b, p.Properties), start, 0)
}

func decodePortStatistics(d *decoder) PortStatistics {
	d.skip(4)
	p := PortStatistics{Port: d.u32(), DurationSec: d.u32(), DurationNsec: d.u32()}
	for _, v := range [...]*uint64{&p.RxPackets, &p.TxPackets, &p.RxBytes, &p.TxBytes, &p.RxDropped, &p.TxDropped, &p.RxErrors, &p.TxErrors} {
		*v = d.u64()
	}
	p.Properties = decodeProperties(d)
	return p
}

// ParsePortDescs decodes the body of a port description reply.
func ParsePortDescs(body []byte) ([]Port, error) {
	d := &decoder{b: body}
	ps := decodePortDescs(d)
	return ps, d.err
}

func decodePortDescs(d *decoder) PortDescs {
	var ps PortDescs
	d.entries(4, portLen, func(e *decoder) { ps = append(ps, decodePort(e)) })
	return ps
}
