package membership

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// What a member says of itself stands in the metadata of memberlist's messages,
// at most memberlist.MetaMaxSize bytes. It is one byte of format and then fields
// of tag, length and value, with ascending tags. Who reads skips the tags it
// does not know, so that a newer version can say more.
const wireFormat = 1

const (
	tagRole        = 1
	tagIncarnation = 2
	tagVTEP        = 3
	tagDatapath    = 4
	tagUnderlayMTU = 5
	tagOVSDB       = 6
	tagOpenFlow    = 7
	tagREST        = 8
	tagVersion     = 9
	tagKeys        = 10
	tagLeaving     = 11
)

// self is what goes over the wire: a Member without what others see in it.
type self struct {
	role        Role
	incarnation uint64
	facts       Facts
	keys        []KeyID
	leaving     bool
}

func (s self) check() error {
	if s.role != Agent && s.role != Controller {
		return fmt.Errorf("role %d is neither agent (%d) nor controller (%d)", s.role, Agent, Controller)
	}
	if s.incarnation == 0 {
		return errors.New("incarnation 0 is none")
	}
	if len(s.keys) > maxKeys {
		return fmt.Errorf("%d keys are more than %d", len(s.keys), maxKeys)
	}
	return s.facts.check()
}

func (f Facts) check() error {
	if f.UnderlayMTU < 0 || f.UnderlayMTU > 65535 {
		return fmt.Errorf("underlay MTU %d is not in 0 to 65535", f.UnderlayMTU)
	}
	if f.Datapath != "" {
		if err := checkText("datapath", f.Datapath, maxDatapath); err != nil {
			return err
		}
	}
	if f.Version != "" {
		if err := checkText("version", f.Version, maxVersion); err != nil {
			return err
		}
	}
	if f.VTEP.IsValid() && (f.VTEP.IsUnspecified() || f.VTEP.IsMulticast() || f.VTEP.Zone() != "") {
		return fmt.Errorf("VTEP %s is no address of a host", f.VTEP)
	}
	for _, a := range []struct {
		what string
		at   netip.AddrPort
	}{{"OVSDB", f.OVSDB}, {"OpenFlow", f.OpenFlow}, {"REST", f.REST}} {
		if a.at == (netip.AddrPort{}) {
			continue
		}
		if ip := a.at.Addr(); !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() || ip.Zone() != "" || a.at.Port() == 0 {
			return fmt.Errorf("%s address %s is none that a host can connect to", a.what, a.at)
		}
	}
	return nil
}

// encode expects what check lets through.
func (s self) encode() []byte {
	b := []byte{wireFormat}
	field := func(tag byte, value []byte) {
		b = append(b, tag, byte(len(value)))
		b = append(b, value...)
	}
	field(tagRole, []byte{byte(s.role)})
	field(tagIncarnation, binary.BigEndian.AppendUint64(nil, s.incarnation))
	f := s.facts
	if f.VTEP.IsValid() {
		field(tagVTEP, f.VTEP.Unmap().AsSlice())
	}
	if f.Datapath != "" {
		field(tagDatapath, []byte(f.Datapath))
	}
	if f.UnderlayMTU != 0 {
		field(tagUnderlayMTU, binary.BigEndian.AppendUint16(nil, uint16(f.UnderlayMTU)))
	}
	for _, a := range []struct {
		tag byte
		at  netip.AddrPort
	}{{tagOVSDB, f.OVSDB}, {tagOpenFlow, f.OpenFlow}, {tagREST, f.REST}} {
		if a.at.IsValid() {
			field(a.tag, binary.BigEndian.AppendUint16(a.at.Addr().Unmap().AsSlice(), a.at.Port()))
		}
	}
	if f.Version != "" {
		field(tagVersion, []byte(f.Version))
	}
	if len(s.keys) > 0 {
		var all []byte
		for _, k := range s.keys {
			all = append(all, k[:]...)
		}
		field(tagKeys, all)
	}
	if s.leaving {
		field(tagLeaving, nil)
	}
	return b
}

func decodeSelf(b []byte) (self, error) {
	var s self
	if len(b) == 0 {
		return s, errors.New("it says nothing about itself: it is not Weft")
	}
	if b[0] != wireFormat {
		return s, fmt.Errorf("it describes itself in format %d, and this is version %d: use the same version of Weft on all hosts", b[0], wireFormat)
	}
	last := -1
	for b = b[1:]; len(b) > 0; {
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			return s, errors.New("its description is cut short")
		}
		tag, value := b[0], b[2:2+int(b[1])]
		if int(tag) <= last {
			return s, fmt.Errorf("field %d stands after field %d", tag, last)
		}
		last, b = int(tag), b[2+len(value):]
		if err := s.field(tag, value); err != nil {
			return s, err
		}
	}
	return s, s.check()
}

func (s *self) field(tag byte, v []byte) error {
	ok := true
	switch tag {
	case tagRole:
		if ok = len(v) == 1; ok {
			s.role = Role(v[0])
		}
	case tagIncarnation:
		if ok = len(v) == 8; ok {
			s.incarnation = binary.BigEndian.Uint64(v)
		}
	case tagVTEP:
		s.facts.VTEP, ok = address(v)
	case tagDatapath:
		s.facts.Datapath, ok = string(v), len(v) > 0
	case tagUnderlayMTU:
		if ok = len(v) == 2; ok {
			s.facts.UnderlayMTU = int(binary.BigEndian.Uint16(v))
		}
	case tagOVSDB:
		s.facts.OVSDB, ok = addressAndPort(v)
	case tagOpenFlow:
		s.facts.OpenFlow, ok = addressAndPort(v)
	case tagREST:
		s.facts.REST, ok = addressAndPort(v)
	case tagVersion:
		s.facts.Version, ok = string(v), len(v) > 0
	case tagKeys:
		if ok = len(v) > 0 && len(v)%len(KeyID{}) == 0; ok {
			for id := range slices.Chunk(v, len(KeyID{})) {
				s.keys = append(s.keys, KeyID(id))
			}
		}
	case tagLeaving:
		s.leaving, ok = true, len(v) == 0
	}
	if !ok {
		return fmt.Errorf("field %d cannot be %d bytes, %x", tag, len(v), v)
	}
	return nil
}

func address(b []byte) (netip.Addr, bool) {
	ip, ok := netip.AddrFromSlice(b)
	return ip.Unmap(), ok
}

func addressAndPort(b []byte) (netip.AddrPort, bool) {
	if len(b) < 2 {
		return netip.AddrPort{}, false
	}
	ip, ok := address(b[:len(b)-2])
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[len(b)-2:])), ok
}
