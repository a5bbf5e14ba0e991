package membership

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"regexp"
	"slices"
	"strings"
)

// Token is all that a host must be told to take part, besides one address: it is
// printed by the controller and carried by a person, who keeps it as a secret.
type Token struct {
	Cluster string // its id
	Keys    []Key  // of the gossip, the first is the one in use; none in an insecure cluster
	API     string // token of the REST API; empty if it asks for none
}

const (
	tokenPrefix = "weft1."
	maxAPI      = 255 // its length is one byte
	tokenCure   = `copy the whole line that "weft token" prints on the controller`
)

// Strict, so that one token has one spelling.
var tokenText = base64.RawURLEncoding.Strict()

// String tells a token from others without giving it away; Encode is the token.
func (t Token) String() string { return fmt.Sprintf("token of cluster %q", t.Cluster) }

// GoString keeps %#v from showing the secrets.
func (t Token) GoString() string { return t.String() }

// LogValue keeps a log in JSON from showing them.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

func (t Token) check() error {
	if err := checkText("cluster id", t.Cluster, maxCluster); err != nil {
		return err
	}
	if t.API != "" {
		// Not by checkText, which would show it.
		if len(t.API) > maxAPI || strings.ContainsFunc(t.API, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return fmt.Errorf("API token must be at most %d printable characters without spaces", maxAPI)
		}
	}
	return checkKeys(t.Keys)
}

// Encode is the line that ParseToken reads.
func (t Token) Encode() (string, error) {
	if err := t.check(); err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	b := append([]byte{byte(len(t.Cluster))}, t.Cluster...)
	b = append(b, byte(len(t.Keys)))
	for _, k := range t.Keys {
		b = append(b, k[:]...)
	}
	b = append(b, byte(len(t.API)))
	b = append(b, t.API...)
	return tokenPrefix + tokenText.EncodeToString(withSum(b)), nil
}

// withSum adds a sum against mistakes of copying. It proves nothing.
func withSum(b []byte) []byte { return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)) }

var errMistyped = errors.New("the token is cut short or mistyped: " + tokenCure)

func tokenCharacter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

var otherToken = regexp.MustCompile(`^weft[0-9]+\.`)

// ParseToken reads a token, with whatever space is around it. Its errors never
// show more of it than one character.
func ParseToken(line string) (Token, error) {
	line = strings.TrimSpace(line)
	if line == "" {
		return Token{}, errors.New("no token is given: " + tokenCure)
	}
	text, ok := strings.CutPrefix(line, tokenPrefix)
	if !ok {
		if version := otherToken.FindString(line); version != "" {
			return Token{}, fmt.Errorf("the token is of another version (%q, this one reads %q): use the same version of Weft on controller and host", version, tokenPrefix)
		}
		return Token{}, fmt.Errorf("this is no token, for it does not begin with %q: %s", tokenPrefix, tokenCure)
	}
	b, err := tokenText.DecodeString(text)
	if err != nil {
		var at base64.CorruptInputError
		if errors.As(err, &at) && int(at) < len(text) && !tokenCharacter(text[at]) {
			return Token{}, fmt.Errorf("the token cannot have %q as its character %d: %s", text[at], len(tokenPrefix)+int(at)+1, tokenCure)
		}
		return Token{}, errMistyped
	}
	if len(b) < 4 || crc32.ChecksumIEEE(b[:len(b)-4]) != binary.BigEndian.Uint32(b[len(b)-4:]) {
		return Token{}, errMistyped
	}
	t, err := decodeToken(b[:len(b)-4])
	if err == nil {
		err = t.check()
	}
	if err != nil {
		return Token{}, fmt.Errorf("read a token: %w: %s", err, tokenCure)
	}
	return t, nil
}

func decodeToken(b []byte) (Token, error) {
	short := false
	take := func(n int) []byte {
		if n > len(b) {
			short, n = true, len(b)
		}
		out := b[:n]
		b = b[n:]
		return out
	}
	number := func() int {
		if v := take(1); len(v) == 1 {
			return int(v[0])
		}
		return 0
	}
	t := Token{Cluster: string(take(number()))}
	for range number() {
		var k Key
		copy(k[:], take(keySize))
		t.Keys = append(t.Keys, k)
	}
	t.API = string(take(number()))
	if short || len(b) > 0 {
		return Token{}, errors.New("its lengths do not fit")
	}
	return t, nil
}

// Equal reports whether two tokens say the same.
func (t Token) Equal(o Token) bool {
	return t.Cluster == o.Cluster && t.API == o.API && slices.Equal(t.Keys, o.Keys)
}
