package openflow

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// recorded returns every recorded message by file name.
func recorded(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/recorded/*")
	if err != nil || len(names) < 95 {
		t.Fatalf("recorded messages: %d files, %v", len(names), err)
	}
	all := make(map[string][]byte)
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(name)] = b
	}
	return all
}

func TestRecordedMessagesReencodeFromTheirDecodedFields(t *testing.T) {
	for name, b := range recorded(t) {
		m, xid, err := Parse(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := m.AppendTo(nil, xid); !bytes.Equal(got, b) {
			t.Errorf("%s: %#v\nencodes as %x\nrecorded:  %x", name, m, got, b)
		}
	}
}

func TestNothingRecordedIsUnknown(t *testing.T) {
	for name, b := range recorded(t) {
		m, _, err := Parse(b)
		if err != nil {
			continue // the other test says so
		}
		if _, unknown := m.(*UnknownMessage); unknown {
			t.Errorf("%s is unknown", name)
		}
		if r, ok := m.(*MultipartReply); ok {
			if u, unknown := r.Body.(*UnknownMultipart); unknown {
				t.Errorf("%s: multipart kind %d is unknown", name, u.K)
			}
		}
	}
}
