package mutate

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func mutants(seed uint64, n int, corpus ...[]byte) [][]byte {
	m := newMutator(seed, corpus)
	out := make([][]byte, n)
	for i := range out {
		out[i] = slices.Clone(m.next())
	}
	return out
}

func TestTheSameSeedMakesTheSameMutants(t *testing.T) {
	corpus := [][]byte{[]byte(`{"name":"net1","vni":5000}`), {5, 10, 0, 16, 0, 0, 0, 1}, nil}
	a, other := mutants(1, 1000, corpus...), mutants(2, 1000, corpus...)
	slices.Reverse(corpus) // nor does the order matter
	b := mutants(1, 1000, corpus...)
	if !slices.EqualFunc(a, b, bytes.Equal) {
		t.Error("two runs of one seed differ")
	}
	if slices.EqualFunc(a, other, bytes.Equal) {
		t.Error("two seeds make the same")
	}
}

func TestMutantsDifferAndTheCorpusStays(t *testing.T) {
	original := []byte(`{"name":"net1","vni":5000}`)
	corpus := slices.Clone(original)
	seen := map[string]bool{}
	shorter, longer, sameLength := 0, 0, 0
	for _, m := range mutants(1, 2000, corpus) {
		seen[string(m)] = true
		switch {
		case len(m) < len(original):
			shorter++
		case len(m) > len(original):
			longer++
		default:
			sameLength++
		}
	}
	if !bytes.Equal(corpus, original) {
		t.Errorf("the corpus became %q", corpus)
	}
	if len(seen) < 1200 || shorter < 200 || longer < 200 || sameLength < 200 {
		t.Errorf("%d different ones: %d shorter, %d longer, %d of the same length", len(seen), shorter, longer, sameLength)
	}
}

func TestMutantsOfMutantsDoNotGrowWithoutEnd(t *testing.T) {
	for _, m := range mutants(1, 500, make([]byte, maxLength)) {
		if len(m) > maxLength {
			t.Fatalf("%d bytes", len(m))
		}
	}
}

func TestSavedInputsAreRead(t *testing.T) {
	t.Chdir(t.TempDir())
	dir := filepath.Join("testdata", "fuzz", "FuzzX")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a": `[]byte("\x00\xff\"")`, "b": `string("text")`} {
		if err := os.WriteFile(filepath.Join(dir, name), fmt.Appendf(nil, "go test fuzz v1\n%s\n", text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := Corpus{[]byte("seed")}.Saved(t, "FuzzX")
	if want := (Corpus{[]byte("seed"), []byte("\x00\xff\""), []byte("text")}); !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%q, want %q", got, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "c"), []byte("go test fuzz v1\nint(3)\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := saved(filepath.Join(dir, "c")); err == nil {
		t.Error("a number was read")
	}
}

func TestWhatIsAllocatedIsMeasured(t *testing.T) {
	var keep []byte
	if got := allocated(func() { keep = make([]byte, 1<<20) }); got < 1<<20 || got > 2<<20 {
		t.Errorf("%d bytes for %d", got, len(keep))
	}
}
