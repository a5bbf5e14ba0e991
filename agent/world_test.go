package agent_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/agent"
	"github.com/weft-sdn/weft/agent/hosttest"
	"github.com/weft-sdn/weft/internal/ovstest"
)

// A world is a gateway host with what is on both sides of it:
//
//	client ─── up0 [ host's kernel ] weft-gw ─── br-weft ─── e1, e2
//
// A few flows play the router: they do what Weft's own end in, so that the
// endpoints have their transit addresses themselves.
type world struct {
	t              *testing.T
	ovs            *ovstest.OVS
	client, e1, e2 hosttest.Namespace
}

const (
	hostAt, clientAt = "172.16.0.3", "172.16.0.9"
	host6, client6   = "2001:db8:f::3", "2001:db8:f::9"
	e1At, e2At       = "100.65.0.7", "100.65.0.8"
)

const gateway = `weft-address="100.64.0.3/32 fd77:6566:7400::3/128" weft-router="100.64.127.255 fd77:6566:7400::7fff" ` +
	`weft-router-mac="02:77:65:66:74:01" weft-transit="100.64.0.0/10 fd77:6566:7400::/64"`

// newOVS has br-weft, and no port on it.
func newOVS(t *testing.T) *world {
	w := &world{t: t, ovs: ovstest.Start(t)}
	w.ovs.VSCtl("add-br", "br-weft", "--", "set", "bridge", "br-weft", "datapath_type=netdev", "fail_mode=secure")
	return w
}

// newWorld is the whole, without a gateway yet.
func newWorld(t *testing.T) *world {
	w := newOVS(t)
	w.client = hosttest.Add(t, "client")
	hosttest.Shell(t, `
		ip link add up0 type veth peer name eth0 netns client
		ip addr add 172.16.0.3/24 dev up0; ip addr add 2001:db8:f::3/64 dev up0 nodad; ip link set up0 up
		ip -n client addr add 172.16.0.9/24 dev eth0; ip -n client addr add 2001:db8:f::9/64 dev eth0 nodad; ip -n client link set eth0 up`)
	w.e1 = w.endpoint("e1", 7)
	w.e2 = w.endpoint("e2", 8)
	t.Cleanup(w.explain)
	return w
}

// endpoint makes a namespace on port 10 + n of br-weft. What it sends goes to
// the kernel, what the kernel sends to its address comes to it.
func (w *world) endpoint(name string, n int) hosttest.Namespace {
	ns := hosttest.Add(w.t, name)
	mac := fmt.Sprintf("02:00:00:00:00:%02x", n)
	// The userspace datapath cannot complete checksums that were left to the NIC.
	hosttest.Shell(w.t, strings.NewReplacer("NAME", name, "MAC", mac, "N", fmt.Sprint(n)).Replace(`
		ip link add port-NAME type veth peer name eth0 address MAC
		ethtool -K port-NAME tx off >/dev/null; ethtool -K eth0 tx off >/dev/null
		ip link set eth0 netns NAME; ip link set port-NAME up; ip -n NAME link set eth0 up
		ip -n NAME addr add 100.65.0.N/32 dev eth0; ip -n NAME addr add fd77:6566:7400::1:N/128 dev eth0 nodad
		ip -n NAME neigh add 169.254.0.1 lladdr 02:77:65:66:74:01 dev eth0; ip -n NAME route add default via 169.254.0.1 dev eth0 onlink
		ip -n NAME neigh add fe80::1 lladdr 02:77:65:66:74:01 dev eth0; ip -n NAME route add default via fe80::1 dev eth0 onlink`))
	w.ovs.VSCtl("add-port", "br-weft", "port-"+name, "--", "set", "interface", "port-"+name, fmt.Sprintf("ofport_request=%d", 10+n))
	for _, flow := range []string{
		fmt.Sprintf("in_port=%d,ip actions=set_field:02:77:65:67:00:03->eth_dst,set_field:02:77:65:66:74:01->eth_src,output:1", 10+n),
		fmt.Sprintf("in_port=%d,ipv6 actions=set_field:02:77:65:67:00:03->eth_dst,set_field:02:77:65:66:74:01->eth_src,output:1", 10+n),
		fmt.Sprintf("in_port=1,ip,nw_dst=100.65.0.%d actions=set_field:%s->eth_dst,output:%d", n, mac, 10+n),
		fmt.Sprintf("in_port=1,ipv6,ipv6_dst=fd77:6566:7400::1:%d actions=set_field:%s->eth_dst,output:%d", n, mac, 10+n),
	} {
		w.ovs.OFCtl("", "add-flow", "br-weft", flow)
	}
	return ns
}

// addGateway does what the controller does: it adds weft-gw.
func (w *world) addGateway(forwards string) {
	w.t.Helper()
	args := []string{"add-port", "br-weft", "weft-gw", "--", "set", "interface", "weft-gw", "type=internal", "ofport_request=1",
		`mac="02:77:65:67:00:03"`, "mtu_request=1450"}
	w.ovs.VSCtl(append(args, externalIDs(gateway+` weft-forwards="`+forwards+`"`)...)...)
}

func (w *world) setForwards(forwards string) { w.set("weft-forwards", forwards) }

func (w *world) set(key, value string) {
	w.t.Helper()
	w.ovs.VSCtl("set", "interface", "weft-gw", "external_ids:"+key+`="`+value+`"`)
}

// explain logs, where a packet did not come through, how far packets come.
func (w *world) explain() {
	if w.t.Failed() {
		w.t.Log(w.ovs.OFCtl("", "dump-ports-desc", "br-weft"), w.ovs.OFCtl("", "dump-flows", "br-weft"),
			hosttest.Shell(w.t, "ip -br link; ip neigh; ip route; nft list ruleset; ip -n e1 addr; ip -n e1 route; ip -n e1 neigh"))
	}
}

// externalIDs are arguments of ovs-vsctl, from key="value" pairs.
func externalIDs(pairs string) []string {
	var args []string
	for _, pair := range strings.SplitAfter(pairs, `" `) {
		args = append(args, "external_ids:"+strings.TrimSpace(pair))
	}
	return args
}

// startAgent runs one, until the test ends or the result is called.
func (w *world) startAgent() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	var log strings.Builder
	go func() {
		ended <- agent.Run(ctx, agent.Config{OVSDB: "unix:" + w.ovs.Path("db.sock"), Log: slog.New(slog.NewTextHandler(&log, nil))})
	}()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			w.t.Errorf("the agent ended with %v", err)
		}
		if w.t.Failed() {
			w.t.Logf("log of the agent:\n%s", log.String())
		}
	}
	w.t.Cleanup(stop)
	return stop
}

// report is what the agent has written into the database.
func (w *world) report() string {
	w.t.Helper()
	return strings.Trim(strings.TrimSpace(w.ovs.VSCtl("--if-exists", "get", "Open_vSwitch", ".", "external_ids:weft-agent")), `"`)
}

func (w *world) waitReport(want string) {
	w.t.Helper()
	hosttest.Eventually(w.t, func() string {
		if got := w.report(); got != want {
			return fmt.Sprintf("the report is %q, not %q", got, want)
		}
		return ""
	})
}

// waitReady waits for a whole gateway. The first report of one can be early:
// ovs-vswitchd sets an interface down once more to give it its MAC address,
// which takes routes and IPv6 addresses along, and the agent puts them back.
func (w *world) waitReady() {
	w.t.Helper()
	w.waitReport(agent.Ready)
	hosttest.Eventually(w.t, func() string {
		state := hosttest.Shell(w.t, "ip -br link show dev weft-gw; ip -br addr show dev weft-gw; ip route; ip -6 route")
		for _, part := range []string{"02:77:65:67:00:03", "100.64.0.3/32", "fd77:6566:7400::3/128", "100.64.0.0/10 via", "fd77:6566:7400::/64 via"} {
			if !strings.Contains(state, part) {
				return part + " is missing in\n" + state
			}
		}
		return ""
	})
}

// ruleset is what nftables has, without what counters have counted.
func ruleset(t *testing.T) string {
	t.Helper()
	return hosttest.Run(t, "nft", "-s", "list", "ruleset")
}

// host is where the test itself is.
const here = hosttest.Namespace("")

func do(n hosttest.Namespace, fn func() error) error {
	if n == here {
		return fn()
	}
	return n.Do(fn)
}

// serve answers in a namespace, TCP and UDP, with the address it was asked
// from; what else is said is repeated.
func serve(t *testing.T, n hosttest.Namespace, address string) {
	t.Helper()
	err := do(n, func() error {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		t.Cleanup(func() { listener.Close() })
		go func() {
			for {
				c, err := listener.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					fmt.Fprintln(c, c.RemoteAddr().(*net.TCPAddr).IP)
					io.Copy(c, c)
				}()
			}
		}()
		packets, err := net.ListenPacket("udp", address)
		if err != nil {
			return err
		}
		t.Cleanup(func() { packets.Close() })
		go func() {
			for b := make([]byte, 100); ; {
				_, from, err := packets.ReadFrom(b)
				if err != nil {
					return
				}
				packets.WriteTo(fmt.Appendln(nil, from.(*net.UDPAddr).IP), from)
			}
		}()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// dial opens a connection to a server and returns as whom that sees it.
func dial(from hosttest.Namespace, network, to string) (net.Conn, string, error) {
	var c net.Conn
	var seen string
	err := do(from, func() (err error) {
		// One lost packet, which the next repeats after a second, is no failure.
		if c, err = net.DialTimeout(network, to, 5*time.Second); err != nil {
			return err
		}
		c.SetDeadline(time.Now().Add(5 * time.Second))
		if network == "udp" {
			fmt.Fprintln(c, "who am I?")
		}
		_, err = fmt.Fscanln(bufio.NewReader(c), &seen)
		return err
	})
	return c, seen, err
}

// reaches checks who a server takes the client for.
func reaches(t *testing.T, name string, from hosttest.Namespace, network, to, as string) {
	t.Helper()
	c, seen, err := dial(from, network, to)
	if c != nil {
		defer c.Close()
	}
	if err != nil {
		t.Errorf("%s: %s %s: %v", name, network, to, err)
	} else if seen != as {
		t.Errorf("%s: %s %s is reached as %s, not as %s", name, network, to, seen, as)
	}
}
