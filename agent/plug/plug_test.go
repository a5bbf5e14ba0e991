package plug

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/weft-sdn/weft/internal/mutate"
	"github.com/weft-sdn/weft/internal/ovstest"
)

const printed = `{"data":[["wv1",["map",[["iface-id","a"],["weft-docker","e1"]]]],["wv2",["map",[["weft-docker","e2"]]]]],"headings":["name","external_ids"]}`

func TestRowsAreRead(t *testing.T) {
	got, err := readRows([]byte(printed))
	if want := map[string]map[string]string{"wv1": {"iface-id": "a", "weft-docker": "e1"}, "wv2": {"weft-docker": "e2"}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	for _, bad := range []string{"", "x", `{"data":[["a"]]}`, `{"data":[["a","b"]]}`, `{"data":[["a",["map"]]]}`, `{"data":[["a",["map",3]]]}`} {
		if got, err := readRows([]byte(bad)); err == nil {
			t.Errorf("%s is read as %v", bad, got)
		}
	}
}

func rows() mutate.Corpus { return mutate.Corpus{[]byte(printed)} }

func checkRows(t testing.TB, b []byte) {
	rows, err := readRows(b)
	if err != nil && rows != nil {
		t.Errorf("%s: %v besides %v", b, rows, err)
	}
}

func FuzzRows(f *testing.F) {
	rows().Seed(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkRows(t, b) })
}

func TestMutants(t *testing.T) { rows().Saved(t, "FuzzRows").Check(t, checkRows) }

// ownNamespace puts the test into a network namespace of its own.
func ownNamespace(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, NOTHING WAS TESTED: a network namespace needs root")
	}
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
}

func cord() Cord {
	return Cord{Port: "wvtest", Inside: "wctest", MAC: []byte{2, 0x42, 10, 0, 1, 2}, MTU: 1400,
		ExternalIDs: map[string]string{"iface-id": "e1", "weft-docker": "e1"}}
}

func TestACordIsPluggedIn(t *testing.T) {
	ovs := ovstest.StartDummies(t)
	ownNamespace(t)
	ovs.VSCtl("add-br", "br-weft", "--", "set", "Bridge", "br-weft", "datapath_type=netdev")
	s := At("unix:" + ovs.Path("db.sock"))
	ctx := context.Background()
	for range 2 { // the second replaces what is left of the first
		if err := s.In(ctx, cord()); err != nil {
			t.Fatal(err)
		}
	}
	inside, err := netlink.LinkByName("wctest")
	if err != nil || inside.Attrs().MTU != 1400 || inside.Attrs().HardwareAddr.String() != "02:42:0a:00:01:02" || inside.Attrs().OperState == netlink.OperUp {
		t.Errorf("the inner end is %+v, %v", inside, err)
	}
	port, err := netlink.LinkByName("wvtest")
	if err != nil || port.Attrs().MTU != 1400 || port.Attrs().RawFlags&1 == 0 {
		t.Errorf("the port is %+v, %v", port, err)
	}
	for _, device := range []string{"wvtest", "wctest"} {
		out, err := exec.Command("ethtool", "-k", device).Output()
		if err != nil || !strings.Contains(string(out), "tx-checksum-ip-generic: off") {
			t.Errorf("%s leaves checksums to the device: %v", device, err)
		}
	}
	out, err := exec.Command("nft", "list", "table", "netdev", filterTable).Output()
	if err != nil || !strings.Contains(string(out), `hook ingress device "wvtest"`) || !strings.Contains(string(out), "policy drop") {
		t.Errorf("the host's own stack sees the container: %v %s", err, out)
	}
	if text, err := os.ReadFile("/proc/thread-self/net/if_inet6"); err != nil || strings.Contains(string(text), "wvtest") {
		t.Errorf("the host has IPv6 on the port: %v %s", err, text)
	}
	ports, err := s.Ports(ctx, "weft-docker")
	if err != nil || !reflect.DeepEqual(ports, map[string]string{"wvtest": "e1"}) {
		t.Errorf("the ports are %v, %v", ports, err)
	}
	for range 2 { // again is no error
		if err := s.Out(ctx, "wvtest"); err != nil {
			t.Error(err)
		}
		if err := s.Remove("wvtest"); err != nil {
			t.Error(err)
		}
	}
	if ports, err := s.Ports(ctx, "weft-docker"); err != nil || len(ports) != 0 {
		t.Errorf("left: %v, %v", ports, err)
	}
	if _, err := netlink.LinkByName("wctest"); err == nil {
		t.Error("the inner end is left")
	}
}

func TestWithoutBridgeNothingIsLeft(t *testing.T) {
	ovs := ovstest.StartDummies(t)
	ownNamespace(t)
	s := At("unix:" + ovs.Path("db.sock"))
	if err := s.In(context.Background(), cord()); err == nil || !strings.Contains(err.Error(), "connected to the controller") {
		t.Errorf("%v", err)
	}
	if _, err := netlink.LinkByName("wvtest"); err == nil {
		t.Error("the veth pair is left")
	}
	if err := At("unix:"+filepath.Join(t.TempDir(), "none.sock")).In(context.Background(), cord()); err == nil {
		t.Error("a cord is plugged into nothing")
	}
}
