package membership

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestACardIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dir", "card.json")
	if _, err := LoadCard(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no card: %v", err)
	}
	for _, want := range []Card{
		{Token: Token{Cluster: "c1", Keys: []Key{{1}, {2}}, API: "secret"}, Seeds: []string{"192.0.2.1", "[2001:db8::1]:1000"}, Rotating: "01020304"},
		{Token: Token{Cluster: "c1", Keys: []Key{{2}}}, Seeds: []string{"192.0.2.1"}},
	} {
		if err := want.Save(path); err != nil {
			t.Fatal(err)
		}
		if got, err := LoadCard(path); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("kept %v, %v", got, err)
		}
	}
	if all, _ := os.ReadDir(filepath.Dir(path)); len(all) != 1 {
		t.Errorf("left beside it: %v", all)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadCard(path); err == nil || !strings.Contains(err.Error(), "0600") {
		t.Errorf("one that others can read: %v", err)
	}
	for _, broken := range []string{"", "{", `{"token":""}`, `{"token":"weft1.AAAA"}`, `[]`} {
		if _, err := parseCard([]byte(broken)); err == nil {
			t.Errorf("%q is taken for a card", broken)
		}
	}
}

func TestSealedKeysAreForWhoHasAKey(t *testing.T) {
	keys := []Key{{1}, {2}}
	sealed, err := SealKeys(Key{1}, "c", keys)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenKeys(Key{1}, "c", sealed); err != nil || !reflect.DeepEqual(got, keys) {
		t.Errorf("opened %v, %v", got, err)
	}
	again, err := SealKeys(Key{1}, "c", keys)
	if err != nil || again == sealed {
		t.Errorf("the same again is the same, %v", err)
	}
	for what, open := range map[string]func() ([]Key, error){
		"another key":     func() ([]Key, error) { return OpenKeys(Key{2}, "c", sealed) },
		"another cluster": func() ([]Key, error) { return OpenKeys(Key{1}, "d", sealed) },
		"changed":         func() ([]Key, error) { return OpenKeys(Key{1}, "c", "AAAA"+sealed[4:]) },
		"cut short":       func() ([]Key, error) { return OpenKeys(Key{1}, "c", sealed[:20]) },
		"nothing":         func() ([]Key, error) { return OpenKeys(Key{1}, "c", "") },
		"no base64":       func() ([]Key, error) { return OpenKeys(Key{1}, "c", "?") },
	} {
		if got, err := open(); err == nil {
			t.Errorf("%s: opened as %v", what, got)
		}
	}
}
