package membership

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/memberlist"

	"github.com/weft-sdn/weft/internal/mutate"
)

var comparing = cmp.Options{
	cmp.AllowUnexported(self{}),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
}

// longest says as much as possible.
func longest() self {
	far := netip.MustParseAddr("2001:db8:1111:2222:3333:4444:5555:6666")
	return self{role: Controller, incarnation: 1<<64 - 1, leaving: true, keys: []KeyID{{1}, {2}, {3}}, facts: Facts{
		VTEP: far, Datapath: strings.Repeat("d", maxDatapath), UnderlayMTU: 65535, Version: strings.Repeat("v", maxVersion),
		OVSDB: netip.AddrPortFrom(far, 65535), OpenFlow: netip.AddrPortFrom(far, 65535), REST: netip.AddrPortFrom(far, 65535),
	}}
}

func agentSelf() self {
	return self{role: Agent, incarnation: 0x0123456789abcdef, keys: []KeyID{{0xaa, 0xbb, 0xcc, 0xdd}},
		facts: Facts{VTEP: netip.MustParseAddr("192.0.2.1"), Datapath: "system", UnderlayMTU: 1500, Version: "v0.5.0"}}
}

// Members of different versions gossip with each other: these bytes are for ever.
func TestWhatAMemberSaysOnTheWire(t *testing.T) {
	const want = "01" + "0101" + "01" + "0208" + "0123456789abcdef" + "0304" + "c0000201" + "0406" + "73797374656d" +
		"0502" + "05dc" + "0906" + "76302e352e30" + "0a04" + "aabbccdd"
	if got := hex.EncodeToString(agentSelf().encode()); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for _, s := range []self{agentSelf(), longest(), {role: Controller, incarnation: 1}} {
		b := s.encode()
		if got, err := decodeSelf(b); err != nil || !cmp.Equal(got, s, comparing) {
			t.Errorf("%v, %s", err, cmp.Diff(s, got, comparing))
		}
		if len(b) > memberlist.MetaMaxSize {
			t.Errorf("%d bytes, memberlist takes %d", len(b), memberlist.MetaMaxSize)
		}
	}
}

// A newer version may say more.
func TestUnknownFieldsAreSkipped(t *testing.T) {
	b := append(agentSelf().encode(), 200, 3, 'n', 'e', 'w')
	if got, err := decodeSelf(b); err != nil || !cmp.Equal(got, agentSelf(), comparing) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestWhatCannotBeUnderstood(t *testing.T) {
	good := self{role: Agent, incarnation: 1}.encode()
	for want, b := range map[string][]byte{
		"says nothing about itself": nil,
		"in format 2":               {2},
		"role 0 is neither":         {1},
		"incarnation 0":             good[:4],
		"cut short":                 append(bytes.Clone(good), 3, 4, 1),
		"field 1 stands after":      append(bytes.Clone(good), 1, 1, 1),
		"field 2 stands after":      append(bytes.Clone(good), 2, 8, 0, 0, 0, 0, 0, 0, 0, 1),
		"field 3 cannot be 5":       append(bytes.Clone(good), 3, 5, 1, 2, 3, 4, 5),
		"VTEP 224.0.0.1 is":         append(bytes.Clone(good), 3, 4, 224, 0, 0, 1),
		"field 4 cannot be 0":       append(bytes.Clone(good), 4, 0),
		"datapath \"a\\n\" has":     append(bytes.Clone(good), 4, 2, 'a', '\n'),
		"field 6 cannot be 1":       append(bytes.Clone(good), 6, 1, 1),
		"none that a host can":      append(bytes.Clone(good), 6, 6, 10, 0, 0, 1, 0, 0),
		"field 10 cannot be 3":      append(bytes.Clone(good), 10, 3, 1, 2, 3),
		"4 keys are more":           append(bytes.Clone(good), append([]byte{10, 16}, make([]byte, 16)...)...),
		"field 11 cannot be 1":      append(bytes.Clone(good), 11, 1, 1),
	} {
		if got, err := decodeSelf(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%x: %v, %v; want %q", b, got, err, want)
		}
	}
}

func selves() mutate.Corpus {
	return mutate.Corpus{agentSelf().encode(), longest().encode(), self{role: Agent, incarnation: 1}.encode()}
}

// checkSelf takes any bytes as what a member says of itself: what is understood
// is said again in the same way, whatever was skipped, and fits.
func checkSelf(t testing.TB, b []byte) {
	s, err := decodeSelf(b)
	if err != nil {
		return
	}
	again := s.encode()
	if len(again) > memberlist.MetaMaxSize {
		t.Errorf("%x: %d bytes", b, len(again))
	}
	if got, err := decodeSelf(again); err != nil || !cmp.Equal(got, s, comparing) {
		t.Errorf("%x, said again %x: %v %s", b, again, err, cmp.Diff(s, got, comparing))
	}
}

func FuzzDecodeSelf(f *testing.F) {
	selves().Seed(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkSelf(t, b) })
}

func TestMutants(t *testing.T) {
	t.Run("self", func(t *testing.T) { selves().Saved(t, "FuzzDecodeSelf").Check(t, checkSelf) })
	t.Run("token", func(t *testing.T) { tokens().Saved(t, "FuzzParseToken").Check(t, checkToken) })
	t.Run("self is bounded", func(t *testing.T) {
		selves().Bounded(t, 8, 1<<10, func(b []byte) { _, _ = decodeSelf(b) })
	})
}
