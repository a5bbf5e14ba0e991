package localdb

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/internal/ovstest"
)

func TestTheHostsName(t *testing.T) {
	ovs := ovstest.Start(t)
	remote := "unix:" + ovs.Path("db.sock")
	for _, test := range []struct{ set, want string }{
		{"", ""},
		{"external_ids:system-id=ID-1", "id-1"},
		{"external_ids:hostname=Host1.example", "host1.example"}, // which comes first
	} {
		if test.set != "" {
			ovs.VSCtl("set", "Open_vSwitch", ".", test.set)
		}
		got, err := HostName(context.Background(), remote)
		if got != test.want || (err != nil) != (test.want == "") {
			t.Errorf("with %s it is %q, %v; want %q", test.set, got, err, test.want)
		}
	}
	_, err := HostName(context.Background(), "unix:"+filepath.Join(t.TempDir(), "none.sock"))
	if err == nil || !strings.Contains(err.Error(), "none.sock") {
		t.Errorf("without a database: %v", err)
	}
}
