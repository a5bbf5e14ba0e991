package openflow

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// What Multipath and Bundle hash of a packet.
const (
	HashEthSrc          = 0
	HashSymmetricL4     = 1
	HashSymmetricL3L4   = 2
	HashSymmetricL3L4UD = 3
	HashNWSrc           = 4
	HashNWDst           = 5
	HashSymmetricL3     = 6
)

var hashNames = []string{"eth_src", "symmetric_l4", "symmetric_l3l4", "symmetric_l3l4+udp", "nw_src", "nw_dst", "symmetric_l3"}

// Multipath hashes the packet into a number from 0 to MaxLink.
type Multipath struct {
	Fields    uint16 // HashEthSrc…
	Basis     uint16
	Algorithm uint16 // 0 modulo_n, 1 hash_threshold, 2 hrw, 3 iter_hash
	MaxLink   uint16
	Arg       uint32
	Dst       Subfield
}

var multipathNames = []string{"modulo_n", "hash_threshold", "hrw", "iter_hash"}

func (a Multipath) AppendTo(b []byte) []byte {
	start := len(b)
	b = beginNicira(b, nxMultipath)
	b = binary.BigEndian.AppendUint16(b, a.Fields)
	b = binary.BigEndian.AppendUint16(b, a.Basis)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, a.Algorithm)
	b = binary.BigEndian.AppendUint16(b, a.MaxLink)
	b = binary.BigEndian.AppendUint32(b, a.Arg)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, a.Dst.packed())
	return end(a.Dst.Field.nxm.appendTo(b), start)
}

func (a Multipath) String() string {
	return fmt.Sprintf("multipath(%s,%d,%s,%d,%d,%v)", nameOf(hashNames, a.Fields), a.Basis,
		nameOf(multipathNames, a.Algorithm), int(a.MaxLink)+1, a.Arg, a.Dst)
}

func parseMultipath(body []byte) Action {
	if len(body) != 22 {
		return nil
	}
	dst, _, ok := parseSubfield(binary.BigEndian.Uint16(body[16:]), body[18:])
	if !ok {
		return nil
	}
	return Multipath{
		Fields:    binary.BigEndian.Uint16(body),
		Basis:     binary.BigEndian.Uint16(body[2:]),
		Algorithm: binary.BigEndian.Uint16(body[6:]),
		MaxLink:   binary.BigEndian.Uint16(body[8:]),
		Arg:       binary.BigEndian.Uint32(body[10:]),
		Dst:       dst,
	}
}

// Bundle outputs to one of its ports, or loads that port's number to Dst if it
// has a field. (It has nothing to do with OpenFlow's bundles of messages.)
type Bundle struct {
	Algorithm uint16 // 0 active_backup, 1 hrw
	Fields    uint16 // HashEthSrc…
	Basis     uint16
	Ports     []uint16
	Dst       Subfield
}

var bundleNames = []string{"active_backup", "hrw"}

func (a Bundle) AppendTo(b []byte) []byte {
	start := len(b)
	subtype := uint16(nxBundle)
	if a.Dst.Field != nil {
		subtype = nxBundleLoad
	}
	b = beginNicira(b, subtype)
	b = binary.BigEndian.AppendUint16(b, a.Algorithm)
	b = binary.BigEndian.AppendUint16(b, a.Fields)
	b = binary.BigEndian.AppendUint16(b, a.Basis)
	b = binary.BigEndian.AppendUint32(b, uint32(InPort16.nxm>>32)) // the type of members
	b = binary.BigEndian.AppendUint16(b, uint16(len(a.Ports)))
	if a.Dst.Field != nil {
		b = binary.BigEndian.AppendUint16(b, a.Dst.packed())
		b = a.Dst.Field.nxm.appendTo(b)
	} else {
		b = append(b, 0, 0, 0, 0, 0, 0)
	}
	b = append(b, 0, 0, 0, 0)
	for _, p := range a.Ports {
		b = binary.BigEndian.AppendUint16(b, p)
	}
	return end(b, start)
}

func parseBundle(subtype uint16, body []byte) Action {
	if len(body) < 22 {
		return nil
	}
	n := int(binary.BigEndian.Uint16(body[10:]))
	if len(body) < 22+2*n {
		return nil
	}
	a := Bundle{
		Algorithm: binary.BigEndian.Uint16(body),
		Fields:    binary.BigEndian.Uint16(body[2:]),
		Basis:     binary.BigEndian.Uint16(body[4:]),
		Ports:     make([]uint16, n),
	}
	for i := range a.Ports {
		a.Ports[i] = binary.BigEndian.Uint16(body[22+2*i:])
	}
	if subtype == nxBundleLoad {
		dst, _, ok := parseSubfield(binary.BigEndian.Uint16(body[12:]), body[14:])
		if !ok {
			return nil
		}
		a.Dst = dst
	}
	return a
}

func nameOf(names []string, i uint16) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("<unknown:%d>", i)
}

// dottedHex is how notes and user data are printed.
func dottedHex(b []byte) string {
	return strings.TrimSuffix(strings.ReplaceAll(fmt.Sprintf("% x", b), " ", "."), ".")
}
