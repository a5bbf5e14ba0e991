package openflow

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
)

func TestFieldValuesAreEncodedAsOpenVSwitchDumpsThem(t *testing.T) {
	mac := [6]byte{2, 0, 0, 0, 0, 1}
	group := [6]byte{1}
	for _, c := range []struct {
		value FieldValue
		want  string // the TLV
	}{
		{InPort.Uint(1), "80000004 00000001"},
		{Metadata.Uint(5000), "80000408 0000000000001388"},
		{Metadata.UintMask(0xff05, 0x0f), "80000510 0000000000000005 000000000000000f"},
		{Reg[15].UintMask(7, 0xffffffff), "00011e04 00000007"},
		{EthDst.MAC(mac), "80000606 020000000001"},
		{EthDst.MACMask(mac, group), "8000070c 000000000000 010000000000"},
		{EthDst.MACMask(group, group), "8000070c 010000000000 010000000000"},
		{VLANVID.Uint(0x1005), "80000c02 1005"},
		{VLANVID.UintMask(0x1005, 0x1fff), "80000c02 1005"},
		{VLANVID.UintMask(0x1005, 0x1000), "80000d04 1000 1000"},
		{ARPTPA.Addr(netip.MustParseAddr("10.0.1.10")), "80002e04 0a00010a"},
		{ARPTPA.Addr(netip.MustParseAddr("::ffff:10.0.1.10")), "80002e04 0a00010a"},
		{IPv4Dst.Prefix(netip.MustParsePrefix("10.1.2.3/24")), "80001908 0a010200 ffffff00"},
		{IPv4Dst.Prefix(netip.MustParsePrefix("10.1.2.3/32")), "80001804 0a010203"},
		{IPv6Src.Prefix(netip.MustParsePrefix("fe80::/10")), "80003520 fe800000000000000000000000000000 ffc00000000000000000000000000000"},
		{NDReserved.Uint(0x60000000), "10000204 60000000"},
		{NDOptionsType.Uint(2), "10000401 02"},
		{TCPFlags.UintMask(2, 0x12), "ffff5508 4f4e4600 0002 0012"},
		{IPTTL.Uint(255), "00013a01 ff"},
		{CTLabel.Uint(5), "0001d810 00000000000000000000000000000005"},
	} {
		want, err := hex.DecodeString(strings.ReplaceAll(c.want, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.value.appendTo(nil); !bytes.Equal(got, want) {
			t.Errorf("%s: %x, want %x", c.value.matchText(Names{}), got, want)
		}
	}
}

func TestValuesThatAreNoneOfTheFieldPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"number too large":    func() { IPProto.Uint(256) },
		"more bits than set":  func() { VLANPCP.Uint(8) },
		"mask where none is":  func() { EthType.UintMask(1, 1) },
		"MAC in an address":   func() { IPv4Src.MAC([6]byte{}) },
		"IPv6 in IPv4":        func() { IPv4Src.Addr(netip.MustParseAddr("::1")) },
		"IPv4 in IPv6":        func() { IPv6Src.Addr(netip.MustParseAddr("10.0.0.1")) },
		"no address":          func() { IPv4Src.Addr(netip.Addr{}) },
		"bits past the field": func() { Reg[0].Range(0, 32) },
		"bits backwards":      func() { Reg[0].Range(3, 2) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestNewMatchSortsAsOpenVSwitchDumps(t *testing.T) {
	got := NewMatch(
		Metadata.Uint(5000),
		ARPTPA.Addr(netip.MustParseAddr("10.0.1.10")),
		Reg[0].UintMask(3, 0), // matches everything
		CTState.Uint(0x21),
		ARPOp.Uint(1),
		EthType.Uint(0x0806),
		InPort.Uint(1),
	)
	want := "ct_state=new|trk,arp,metadata=0x1388,in_port=1,arp_tpa=10.0.1.10,arp_op=1"
	if got.String() != want {
		t.Errorf("%v, want %s", got, want)
	}
	var names []string
	for _, v := range got {
		names = append(names, v.Field.Name)
	}
	const order = "in_port_oxm eth_type arp_op arp_tpa ct_state metadata"
	if s := strings.Join(names, " "); s != order {
		t.Errorf("order %s, want %s", s, order)
	}
}

func TestUnknownFieldsAreKept(t *testing.T) {
	for _, tlv := range []string{
		"8000fe04 01020304",          // a field of no name
		"8000ff08 01020304 ffff0000", // with a mask
		"00010002 0102",              // reg0, of two bytes
		"ffff0208 005ad650 01020304", // an experimenter's
		"ffff0208 4f4e4600 01020304", // a number that ONF has not given
		"00015004 01020304",          // tun_metadata0, of any length
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(tlv, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		whole := append([]byte{0, 1, 0, byte(4 + len(b))}, b...)
		m, rest, err := ParseMatch(pad8(whole, 0))
		if err != nil || len(rest) != 0 {
			t.Errorf("%s: %v, %d bytes left", tlv, err, len(rest))
			continue
		}
		if got := m.AppendTo(nil); !bytes.Equal(got, pad8(whole, 0)) {
			t.Errorf("%s: encoded to %x", tlv, got)
		}
		if m.String() == "" {
			t.Errorf("%s: no text", tlv)
		}
	}
}

func TestMalformedMatchesAreRefused(t *testing.T) {
	for name, b := range map[string]string{
		"empty":                    "",
		"not OXM":                  "0000 0004 00000000",
		"shorter than its header":  "0001 0003 00000000",
		"longer than what is left": "0001 0010 00000000",
		"no padding":               "0001 000c 80000004 00000001",
		"payload cut off":          "0001 0008 80000004",
		"header cut off":           "0001 0006 8000 0000",
		"experimenter cut off":     "0001 000a ffff0204 0000 000000000000",
		"odd value and mask":       "0001 000b 80000103 010203 0000000000",
	} {
		raw, err := hex.DecodeString(strings.ReplaceAll(b, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if m, _, err := ParseMatch(raw); err == nil {
			t.Errorf("%s: parsed to %v", name, m)
		}
	}
}

func TestFieldByName(t *testing.T) {
	for name, want := range map[string]*Field{
		"eth_src": EthSrc, "dl_src": EthSrc, "nw_proto": IPProto, "reg7": Reg[7],
		"in_port": InPort, "tcp_dst": TCPDst, "tp_dst": TCPDst, "no such": nil,
	} {
		if got := FieldByName(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestCheckSaysWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		match Match
		want  string
	}{
		{NewMatch(EthType.Uint(0x0806), ARPOp.Uint(1)), ""},
		{NewMatch(ARPOp.Uint(1)), "before arp_op there must be eth_type 0x0806"},
		{NewMatch(EthType.Uint(0x0800), TCPDst.Uint(80)), "before tcp_dst there must be eth_type 0x0800 or 0x86dd and nw_proto 6"},
		{NewMatch(Reg[1].Uint(1), Reg[1].Uint(2)), "reg1 is in it twice"},
		{Match{{Reg[1], []byte{0, 0, 0, 3}, []byte{0, 0, 0, 1}}}, "bits outside its mask"},
		{Match{ARPOp.Uint(1), EthType.Uint(0x0806)}, "before arp_op"},
	} {
		err := c.match.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: %v, want %q", c.match, err, c.want)
		}
	}
}

func TestNamesAreQuotedUnlessTheyAreWords(t *testing.T) {
	for name, want := range map[string]string{
		"p1": "p1", "ABC": "ABC", "classify": "classify",
		"veth-2": `"veth-2"`, "from_host": `"from_host"`, "9abc": `"9abc"`, "a.b": `"a.b"`, "_x": `"_x"`, `a"b`: `"a\"b"`,
	} {
		names := Names{Port: func(uint32) string { return name }}
		if got := FormatActions([]Action{Output{Port: 1}}, names); got != "output:"+want {
			t.Errorf("%s: %s, want output:%s", name, got, want)
		}
	}
}
