package attach

import (
	"net/netip"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/weft-sdn/weft/agent/hosttest"
	"github.com/weft-sdn/weft/model"
)

// contained is a process in a network namespace of its own, as in a container.
func contained(t *testing.T) (pid int, ip func(args ...string) string) {
	t.Helper()
	hosttest.Add(t, "box")
	c := exec.Command("ip", "netns", "exec", "box", "sleep", "1000")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
	hosttest.Eventually(t, func() string {
		if now, _ := os.Readlink("/proc/self/ns/net"); now != "" {
			if other, _ := os.Readlink("/proc/" + strconv.Itoa(c.Process.Pid) + "/ns/net"); other != "" && other != now {
				return ""
			}
		}
		return "the process is not in its namespace"
	})
	return c.Process.Pid, func(args ...string) string {
		return hosttest.Run(t, "ip", append([]string{"-n", "box"}, args...)...)
	}
}

func TestInterfacesInContainers(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	pid, ip := contained(t)
	r := attachment(idOne)
	pair := func(port, inside string) int {
		hosttest.Run(t, "ip", "link", "add", port, "mtu", "1450", "type", "veth", "peer", "name", inside, "mtu", "1450", "address", r.MAC.String())
		link, err := netlink.LinkByName(port)
		if err != nil {
			t.Fatal(err)
		}
		return link.Attrs().Index
	}
	device := pair("p1", "i1")
	if err := isFree(pid, r.Interface); err != nil {
		t.Error(err)
	}
	if err := moveIn(pid, "i1", r); err != nil {
		t.Fatal(err)
	}
	if err := isFree(pid, r.Interface); err == nil || !strings.Contains(err.Error(), "--interface") {
		t.Errorf("eth0 is there: %v", err)
	}
	hosttest.Run(t, "ip", "link", "set", "p1", "up")
	if got := ip("route", "show", "default"); !strings.Contains(got, "via 10.0.1.1 dev eth0") {
		t.Errorf("the default route is %q", got)
	}

	seen := Attachment{Container: r.Container, Interface: r.Interface}
	ours, err := look(pid, &seen, device)
	same := seen.MAC == r.MAC && seen.MTU == r.MTU && reflect.DeepEqual(seen.Gateways, r.Gateways) && reflect.DeepEqual(seen.Addresses, r.Addresses)
	if err != nil || !ours || !same {
		t.Errorf("%+v, %v, %v; want %+v", seen, ours, err, r)
	}
	if ours, err := look(pid, &seen, device+100); err != nil || ours {
		t.Errorf("the other end is another port's, and is taken for this one's: %v", err)
	}

	mac := model.MACFrom([6]byte{2, 1, 1, 1, 1, 1})
	if err := complete(pid, seen, 1400, mac, true); err != nil {
		t.Fatal(err)
	}
	if ours, err := look(pid, &seen, device); err != nil || !ours || seen.MTU != 1400 || seen.MAC != mac || !slices.Contains(seen.Addresses, netip.MustParsePrefix("10.0.1.10/24")) {
		t.Errorf("completed: %+v, %v, %v", seen, ours, err)
	}

	// A second one leaves the way out as it is.
	pair("p2", "i2")
	second := attachment(idTwo)
	second.Interface, second.Addresses, second.Gateways = "eth1", []netip.Prefix{netip.MustParsePrefix("10.0.2.10/24")}, []netip.Addr{netip.MustParseAddr("10.0.2.1")}
	if err := moveIn(pid, "i2", second); err != nil {
		t.Error(err)
	}
	if got := ip("route", "show", "default"); strings.Count(got, "default") != 1 || !strings.Contains(got, "10.0.1.1") {
		t.Errorf("the default route is %q", got)
	}
}

func TestTheHostIsNoContainer(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	if err := isFree(os.Getpid(), "eth0"); err == nil || !strings.Contains(err.Error(), "--net host") {
		t.Errorf("%v", err)
	}
}
