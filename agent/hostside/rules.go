package hostside

import (
	"slices"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The parts of which rules are made, each as nft(8) makes it of the words in its
// comment, so that nft shows those words again.
//
// Registers are named as the kernel reports them: 1 to 4 have 16 bytes, 8 to 23
// are the same in pieces of 4. What fills pieces that no name of 16 bytes
// begins with is named by its piece.

func join(parts ...[]expr.Any) []expr.Any { return slices.Concat(parts...) }

func verdict(kind expr.VerdictKind) []expr.Any { return []expr.Any{&expr.Verdict{Kind: kind}} }

// counted is: counter
var counted = []expr.Any{&expr.Counter{}}

// in is: iifname "NAME"
func in(name string) []expr.Any { return named(expr.MetaKeyIIFNAME, name) }

// out is: oifname "NAME"
func out(name string) []expr.Any { return named(expr.MetaKeyOIFNAME, name) }

func named(key expr.MetaKey, name string) []expr.Any {
	padded := make([]byte, unix.IFNAMSIZ)
	copy(padded, name)
	return []expr.Any{
		&expr.Meta{Key: key, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: padded},
	}
}

// family is: meta nfproto ipv4 (or ipv6)
func family(nfproto byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{nfproto}},
	}
}

// field is where a packet has an address (RFC 791 section 3.1, RFC 8200 section 3).
type field struct {
	nfproto        byte
	offset, length uint32
}

var (
	source4      = field{unix.NFPROTO_IPV4, 12, 4}
	destination4 = field{unix.NFPROTO_IPV4, 16, 4}
	source6      = field{unix.NFPROTO_IPV6, 8, 16}
	destination6 = field{unix.NFPROTO_IPV6, 24, 16}
)

// load is: ip saddr, and its like
func load(f field) []expr.Any {
	return append(family(f.nfproto), &expr.Payload{
		DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: f.offset, Len: f.length,
	})
}

// inSet is: @NAME
func inSet(name string) []expr.Any {
	return []expr.Any{&expr.Lookup{SourceRegister: 1, SetName: name}}
}

// loopback4 is: ip saddr 127.0.0.0/8 (or ip daddr)
func loopback4(f field) []expr.Any {
	f.length = 1
	return append(load(f), &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{127}})
}

// loopback6 is: ip6 daddr ::1, and its like
func loopback6(f field) []expr.Any {
	return append(load(f), &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{15: 1}})
}

// toLocal is: fib daddr type local
var toLocal = []expr.Any{
	&expr.Fib{Register: 1, FlagDADDR: true, ResultADDRTYPE: true},
	&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL)},
}

// portTo is: meta l4proto . th dport, into the register and the piece behind it
func portTo(register uint32) []expr.Any {
	next := map[uint32]uint32{1: 9, 9: 10, 2: 13}[register]
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register},
		&expr.Payload{DestRegister: next, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
	}
}

// lookUp is: map @NAME
func lookUp(name string) []expr.Any {
	return []expr.Any{&expr.Lookup{SourceRegister: 1, DestRegister: 1, IsDestRegSet: true, SetName: name}}
}

// dnat is: dnat ip to (or ip6), of an address in register 1 and the port behind it
func dnat(nfproto, port uint32) []expr.Any {
	return []expr.Any{&expr.NAT{
		Type: expr.NATTypeDestNAT, Family: nfproto, Specified: true,
		RegAddrMin: 1, RegAddrMax: 1, RegProtoMin: port, RegProtoMax: port,
	}}
}
