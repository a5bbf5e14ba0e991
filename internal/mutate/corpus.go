package mutate

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Corpus is input that a parser takes, or nearly.
type Corpus [][]byte

// Saved adds the inputs that the fuzz target keeps in testdata/fuzz.
func (c Corpus) Saved(t testing.TB, target string) Corpus {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", "fuzz", target, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := saved(name)
		if err != nil {
			t.Fatal(err)
		}
		c = append(c, b)
	}
	return c
}

// saved reads a file of go test -fuzz that holds one []byte or string.
func saved(name string) ([]byte, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	version, value, _ := strings.Cut(string(content), "\n")
	value = strings.TrimSpace(value)
	for _, of := range []string{"[]byte(", "string("} {
		if quoted, ok := strings.CutPrefix(value, of); ok && version == "go test fuzz v1" {
			text, err := strconv.Unquote(strings.TrimSuffix(quoted, ")"))
			return []byte(text), err
		}
	}
	return nil, fmt.Errorf("%s is no fuzz input of one []byte or string", name)
}

// Seed gives the corpus to a fuzz target. What it has in testdata it has already.
func (c Corpus) Seed(f *testing.F) {
	for _, b := range c {
		f.Add(b)
	}
}

const (
	// few is how many mutants an ordinary test tries.
	few = 5000
	// hang is how long one input may take.
	hang = 20 * time.Second
)

// count is how many mutants to try, and the seed that they grow from.
func count(t testing.TB) (n int, seed uint64) {
	t.Helper()
	n, seed = few, 1
	for name, set := range map[string]func(uint64){
		"WEFT_MUTATIONS": func(v uint64) { n = int(v) },
		"WEFT_SEED":      func(v uint64) { seed = v },
	} {
		text := os.Getenv(name)
		if text == "" {
			continue
		}
		v, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			t.Fatalf("%s=%s: %v", name, text, err)
		}
		set(v)
	}
	return n, seed
}

// Check calls check with the corpus and with mutants of it. An input at which
// it fails, panics or hangs is written into the test's log as the fuzz target
// would keep it.
func (c Corpus) Check(t *testing.T, check func(t testing.TB, b []byte)) {
	t.Helper()
	n, seed := count(t)
	c.check(t, n, seed, check)
}

// CheckPart is Check with one of so many parts of the mutants, for a check that
// takes long.
func (c Corpus) CheckPart(t *testing.T, part int, check func(t testing.TB, b []byte)) {
	t.Helper()
	n, seed := count(t)
	c.check(t, max(n/part, 1), seed, check)
}

func (c Corpus) check(t *testing.T, n int, seed uint64, check func(t testing.TB, b []byte)) {
	t.Helper()
	if len(c) == 0 {
		t.Fatal("there is no input to mutate")
	}
	m := newMutator(seed, c)
	var now []byte
	say := func(what string) string { return fmt.Sprintf("%s at\ngo test fuzz v1\n[]byte(%q)", what, now) }
	watchdog := time.AfterFunc(hang, func() { panic(say("no end")) })
	defer watchdog.Stop()
	defer func() {
		if reason := recover(); reason != nil {
			t.Log(say("panic"))
			panic(reason)
		}
	}()
	one := func(b []byte) bool {
		now = b
		watchdog.Reset(hang)
		check(t, b)
		if t.Failed() {
			t.Log(say("failed"))
		}
		return !t.Failed()
	}
	for _, b := range c {
		if !one(b) {
			return
		}
	}
	for range n {
		if !one(m.next()) {
			return
		}
	}
	t.Logf("%d mutants of %d inputs, seed %d", n, len(c), seed)
}

// Bounded measures what parse allocates for the corpus and for some thousand
// mutants: never more than fixed bytes and factor times the input. A length
// that a peer only claims must not be made room for.
func (c Corpus) Bounded(t *testing.T, factor, fixed int, parse func(b []byte)) {
	t.Helper()
	const mutants = 2000
	m := newMutator(2, c)
	worst := 0.0
	one := func(b []byte) {
		t.Helper()
		got := allocated(func() { parse(b) })
		if limit := fixed + factor*len(b); got > uint64(limit) {
			// Something else of the process may have allocated meanwhile.
			got = min(got, allocated(func() { parse(b) }))
			if got > uint64(limit) {
				t.Fatalf("%d bytes are allocated for an input of %d, more than %d, at\n[]byte(%.200q)", got, len(b), limit, b)
			}
		}
		if len(b) > 0 {
			worst = max(worst, (float64(got)-float64(fixed))/float64(len(b)))
		}
	}
	for _, b := range c {
		one(b)
	}
	for range mutants {
		one(m.next())
	}
	t.Logf("at most %d bytes and %.1f for each of the input", fixed, worst)
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
