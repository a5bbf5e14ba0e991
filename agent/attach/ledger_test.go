package attach

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/model"
)

func attachment(container string) Attachment {
	r := Attachment{
		Container: container, Name: "doc1", Interface: "eth0", Network: "net1", Made: true,
		MAC: model.MACFrom([6]byte{2, 0x42, 10, 0, 1, 10}), MTU: 1450, Port: "wa" + container[:8] + "0000",
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.1.10/24"), netip.MustParsePrefix("fd00::10/64")},
		Gateways:  []netip.Addr{netip.MustParseAddr("10.0.1.1")},
	}
	r.Endpoint = endpointID(r)
	return r
}

const (
	idOne = "11111111111122222222222233333333333344444444444455555555555566aa"
	idTwo = "11111111111122222222222233333333333344444444444455555555555566bb"
)

func TestAttachmentsSurvive(t *testing.T) {
	file := filepath.Join(t.TempDir(), "attach.json")
	l, err := openLedger(file)
	if err != nil {
		t.Fatal(err)
	}
	one, two := attachment(idOne), attachment(idTwo)
	two.Made = false
	for _, r := range []Attachment{one, two} {
		if err := l.put(r); err != nil {
			t.Fatal(err)
		}
	}
	again, err := openLedger(file)
	if err != nil || !reflect.DeepEqual(again.list(), []Attachment{one, two}) {
		t.Fatalf("%+v, %v", again, err)
	}
	for _, r := range []Attachment{one, two} {
		if err := again.drop(r); err != nil {
			t.Fatal(err)
		}
	}
	last, err := openLedger(file)
	if err != nil || len(last.list()) != 0 || !reflect.DeepEqual(last.now.Later, []string{one.Endpoint}) {
		t.Fatalf("the endpoint that was made goes, the other stays: %+v, %v", last, err)
	}
	// What is attached again is not to be deleted any more.
	if err := last.put(one); err != nil || len(last.now.Later) != 0 {
		t.Errorf("%+v, %v", last.now.Later, err)
	}
}

func TestALedgerThatCannotBeReadIsRefused(t *testing.T) {
	for _, text := range []string{"", "{", `{"attachments":{"a/eth0":null}}`, `{"attachments":{"a/eth0":{"container":"b","interface":"eth0"}}}`} {
		file := filepath.Join(t.TempDir(), "attach.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openLedger(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
