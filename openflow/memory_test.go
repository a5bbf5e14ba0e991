package openflow

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/weft-sdn/weft/internal/mutate"
)

// repeated is a message of a type that is filled up with one piece.
func repeated(t Type, prefix, piece []byte) []byte {
	b := append(begin(nil, t, 1), prefix...)
	for len(b)+len(piece) <= MaxMessage {
		b = append(b, piece...)
	}
	return finish(b, 0)
}

// worstCases are messages with as many of the smallest parts as can be: what
// each of them costs beyond its bytes counts most often here.
func worstCases() mutate.Corpus {
	multipart := func(k MultipartKind) []byte {
		return append(binary.BigEndian.AppendUint16(nil, uint16(k)), 0, 0, 0, 0, 0, 0)
	}
	flow := (&FlowStats{}).appendTo(nil)
	group := (&GroupDesc{}).appendTo(nil)
	port := (&Port{}).appendTo(nil)
	learn := beginNicira(nil, nxLearn)
	learn = end(append(learn, make([]byte, 22)...), 0)
	emptyCT := CT{}.AppendTo(nil)
	deep := CT{}
	for range maxNesting + 4 {
		deep = CT{Nested: []Action{deep, deep}}
		if len(deep.AppendTo(nil)) > MaxMessage/2 {
			break
		}
	}
	packetOut := func(actions []byte) []byte {
		b := make([]byte, 16)
		binary.BigEndian.PutUint16(b[8:], uint16(len(actions)))
		return finish(append(append(begin(nil, TypePacketOut, 1), b...), actions...), 0)
	}
	full := func(action []byte) []byte { return bytes.Repeat(action, (MaxMessage-HeaderLen-16)/len(action)) }
	return mutate.Corpus{
		repeated(TypeMultipartReply, multipart(KindFlow), flow),
		repeated(TypeMultipartReply, multipart(KindGroupDesc), group),
		repeated(TypeMultipartReply, multipart(KindPortDesc), port),
		repeated(TypeMultipartReply, multipart(KindTable), make([]byte, 24)),
		repeated(TypeHello, nil, []byte{0, 9, 0, 4, 0, 0, 0, 0}),
		repeated(TypeHello, nil, []byte{0, 1, 0, 8, 0xff, 0xff, 0xff, 0xff}),
		repeated(TypePacketIn, append(make([]byte, 16), 0, 1, 0xff, 0xff), []byte{0x80, 0, 0x0c, 0}),
		packetOut(full(Output{}.AppendTo(nil))),
		packetOut(full(DecTTL{}.AppendTo(nil))),
		packetOut(full(emptyCT)),
		packetOut(full(learn)),
		packetOut(deep.AppendTo(nil)),
	}
}

// A peer must not make us allocate much more than it sends: neither by a length
// that it only claims nor by many small parts.
func TestMemoryIsInProportionToWhatIsSent(t *testing.T) {
	const factor, fixed = 40, 16 << 10 // counted while slices grow, and before anything is freed
	for _, b := range worstCases() {
		h, err := ParseHeader(b)
		if err != nil || h.Length != len(b) || len(b) < MaxMessage/4 {
			t.Errorf("%v of %d bytes, %d announced, is no worst case: %v", h.Type, len(b), h.Length, err)
		}
	}
	corpus := append(messages(t), worstCases()...)
	corpus.Bounded(t, factor, fixed, func(b []byte) {
		if len(b) >= HeaderLen && len(b) <= MaxMessage {
			binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		}
		_, _, _ = Parse(b)
	})
}

func TestLengthsThatAreOnlyClaimedCostNothing(t *testing.T) {
	for name, b := range map[string][]byte{
		"a message":  {5, 10, 0xff, 0xff, 0, 0, 0, 1},
		"a match":    append(begin(nil, TypePacketIn, 1), append(make([]byte, 16), 0, 1, 0xff, 0xff)...),
		"a property": append(begin(nil, TypeHello, 1), 0, 1, 0xff, 0xff),
		"an entry":   append(begin(nil, TypeMultipartReply, 1), append([]byte{0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, make([]byte, 60)...)...),
		"actions":    append(begin(nil, TypePacketOut, 1), 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0),
		"a bundle":   append(begin(nil, TypeBundleAdd, 1), 0, 0, 0, 1, 0, 0, 0, 3, 5, 14, 0xff, 0xff, 0, 0, 0, 1),
		"one action": append(begin(nil, TypePacketOut, 1), 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xf8, 0, 0, 0, 0),
	} {
		if name != "a message" {
			b = finish(b, 0)
		}
		mutate.Corpus{b}.Bounded(t, 0, 16<<10, func(b []byte) { _, _, _ = Parse(b) })
	}
}
