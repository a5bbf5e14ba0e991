package membership

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/internal/mutate"
)

var goldenToken = Token{Cluster: "0123456789abcdef", Keys: []Key{{1, 2, 3}, {4, 5, 6}}, API: "s3cret"}

// Tokens are kept by people, in their scripts: what was printed once must be
// read for ever.
const goldenLine = "weft1.EDAxMjM0NTY3ODlhYmNkZWYCAQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEBQYAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAZzM2NyZXRNkLbw"

func TestAToken(t *testing.T) {
	line, err := goldenToken.Encode()
	if err != nil || line != goldenLine {
		t.Errorf("%s, %v; want %s", line, err, goldenLine)
	}
	for _, line := range []string{goldenLine, "  " + goldenLine + "\r\n"} {
		got, err := ParseToken(line)
		if err != nil || !cmp.Equal(got, goldenToken) {
			t.Errorf("%q: %#v, %v", line, got, err)
		}
	}
	// Of an insecure cluster without any secret.
	bare, err := Token{Cluster: "c"}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseToken(bare); err != nil || !cmp.Equal(got, Token{Cluster: "c"}) {
		t.Errorf("%#v, %v", got, err)
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	for line, want := range map[string]string{
		"":                              "no token is given",
		"SWMTKN-1-abc":                  `does not begin with "weft1."`,
		"weft2." + goldenLine[6:]:       `of another version ("weft2."`,
		goldenLine[:40]:                 "cut short or mistyped",
		goldenLine[:41]:                 "cut short",
		"weft1.":                        "cut short",
		goldenLine + "A":                "cut short",
		goldenLine[:20] + goldenLine:    "cannot have '.' as its character 26",
		goldenLine[:30] + " " + "def":   "cannot have ' ' as its character 31",
		strings.ToLower(goldenLine):     "mistyped",
		tokenWith([]byte{1, 'c'}):       "lengths do not fit",
		tokenWith([]byte{200, 'c'}):     "lengths do not fit",
		tokenWith([]byte{1, ' ', 0, 0}): "not possible there",
		tokenWith(slices.Concat([]byte{1, 'c', 1}, make([]byte, 32), []byte{0})): "all zero",
		tokenWith([]byte{1, 'c', 0, 0, 0}):                                       "lengths do not fit",
		tokenWith([]byte{1, 'c', 0, 1, ' '}):                                     "API token must be",
	} {
		if got, err := ParseToken(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", line, got, err, want)
		}
	}
	for want, token := range map[string]Token{
		"cluster id is empty":     {},
		"cluster id has 65":       {Cluster: strings.Repeat("c", 65)},
		"API token must be":       {Cluster: "c", API: "a b"},
		"is given twice":          {Cluster: "c", Keys: []Key{{1}, {1}}},
		"gossip keys are too man": {Cluster: "c", Keys: []Key{{1}, {2}, {3}, {4}}},
	} {
		if line, err := token.Encode(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q, %v; want %q", line, err, want)
		}
	}
}

// tokenWith is a token with any content and the right sum.
func tokenWith(content []byte) string {
	return tokenPrefix + tokenText.EncodeToString(withSum(content))
}

func tokens() mutate.Corpus {
	var c mutate.Corpus
	for _, token := range []Token{goldenToken, {Cluster: "c"}, {Cluster: "c", API: "x"}} {
		line, err := token.Encode()
		if err != nil {
			panic(err)
		}
		content, err := tokenText.DecodeString(line[len(tokenPrefix):])
		if err != nil {
			panic(err)
		}
		c = append(c, content[:len(content)-4])
	}
	return c
}

// checkToken takes any bytes as the content of a token, with and without its sum
// being right, and as the whole of one.
func checkToken(t testing.TB, b []byte) {
	for _, line := range []string{tokenWith(b), tokenPrefix + tokenText.EncodeToString(b), tokenPrefix + string(b), string(b)} {
		token, err := ParseToken(line)
		if err != nil {
			if secret := strings.TrimPrefix(line, tokenPrefix); len(secret) > 80 && strings.Contains(err.Error(), secret[len(secret)-20:]) {
				t.Errorf("the error shows the token: %v", err)
			}
			continue
		}
		again, err := token.Encode()
		if err != nil || again != strings.TrimSpace(line) {
			t.Errorf("%q is written again as %q, %v", line, again, err)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	tokens().Seed(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkToken(t, b) })
}
