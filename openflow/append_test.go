package openflow

import (
	"net/netip"
	"testing"
)

// arpResponder is a flow as Weft has many: as long as any in size.
func arpResponder() (Match, []Instruction) {
	mac := [6]byte{0x02, 0x57, 0, 0, 0, 1}
	ip := netip.MustParseAddr("10.0.1.1")
	match := NewMatch(
		EthType.Uint(0x0806), ARPOp.Uint(1), Metadata.Uint(5000), ARPTPA.Addr(ip),
	)
	return match, []Instruction{
		ApplyActions{[]Action{
			Move{EthSrc.All(), EthDst.All()},
			SetField{EthSrc.MAC(mac)},
			SetField{ARPOp.Uint(2)},
			Move{ARPSHA.All(), ARPTHA.All()},
			Move{ARPSPA.All(), ARPTPA.All()},
			SetField{ARPSHA.MAC(mac)},
			SetField{ARPSPA.Addr(ip)},
			Load{Reg[1].Range(0, 7), 3},
			CT{Flags: CTCommit, Table: NoTable, Nested: []Action{NAT{Flags: NATSrc, Min: ip}}},
			ResubmitTo(80),
		}},
		GotoTable{80},
	}
}

func TestAppendingAFlowDoesNotAllocate(t *testing.T) {
	match, instructions := arpResponder()
	b := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() {
		b = AppendInstructions(match.AppendTo(b[:0]), instructions)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppendMatchAndInstructions(b *testing.B) {
	match, instructions := arpResponder()
	buffer := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buffer = AppendInstructions(match.AppendTo(buffer[:0]), instructions)
	}
	b.SetBytes(int64(len(buffer)))
}

func BenchmarkParseMatchAndInstructions(b *testing.B) {
	match, instructions := arpResponder()
	flow := AppendInstructions(match.AppendTo(nil), instructions)
	b.ReportAllocs()
	b.SetBytes(int64(len(flow)))
	for b.Loop() {
		_, rest, err := ParseMatch(flow)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ParseInstructions(rest); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFormatMatchAndInstructions(b *testing.B) {
	match, instructions := arpResponder()
	b.ReportAllocs()
	for b.Loop() {
		_ = match.String()
		_ = FormatInstructions(instructions, Names{})
	}
}
