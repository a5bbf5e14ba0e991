package agent_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/agent"
	"github.com/weft-sdn/weft/agent/hosttest"
)

const forwards = "tcp/0.0.0.0:8080>100.65.0.7:80 udp/0.0.0.0:8080>100.65.0.7:80 tcp/172.16.0.3:8081>100.65.0.8:80 " +
	"tcp/[::]:8080>[fd77:6566:7400::1:7]:80 udp/[::]:8080>[fd77:6566:7400::1:7]:80"

// The whole way out and in, on a host whose firewall drops what is forwarded.
func TestTraffic(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	w := newWorld(t)
	hosttest.Shell(t, "iptables -P FORWARD DROP; iptables -N DOCKER-USER; iptables -A FORWARD -j DOCKER-USER; ip6tables -P FORWARD DROP")
	w.startAgent()
	w.addGateway(forwards)
	w.waitReady()
	serve(t, w.client, ":7")
	serve(t, w.e1, ":80")
	serve(t, w.e2, ":80")
	serve(t, here, hostAt+":7") // of all local addresses UDP would answer from another

	for _, network := range []string{"tcp", "udp"} {
		reaches(t, "out", w.e1, network, clientAt+":7", hostAt)
		reaches(t, "out, IPv6", w.e1, network, "["+client6+"]:7", host6)
		reaches(t, "the host itself", w.e1, network, hostAt+":7", e1At)
		reaches(t, "forward", w.client, network, hostAt+":8080", clientAt)
		reaches(t, "forward, IPv6", w.client, network, "["+host6+"]:8080", client6)
		reaches(t, "forward, from the host", here, network, hostAt+":8080", hostAt)
		reaches(t, "forward, from localhost", here, network, "127.0.0.1:8080", "100.64.0.3")
		reaches(t, "forward, from the host, IPv6", here, network, "["+host6+"]:8080", host6)
		reaches(t, "forward, from another endpoint", w.e2, network, hostAt+":8080", e2At)
		reaches(t, "forward, from another endpoint, IPv6", w.e2, network, "["+host6+"]:8080", "fd77:6566:7400::1:8")
	}
	if c, _, err := dial(here, "tcp", "[::1]:8080"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a forward on ::1, which the kernel cannot do: %v, %v", c, err)
	}
	reaches(t, "forward of an address", w.client, "tcp", hostAt+":8081", clientAt)
	reaches(t, "forward of an address, from an endpoint", w.e1, "tcp", hostAt+":8081", e1At)
	if c, _, err := dial(here, "tcp", "127.0.0.1:8081"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a forward of another address is there on localhost: %v, %v", c, err)
	}
}

// Nobody outside may look like an endpoint, and no endpoint like the host.
func TestSpoofedSourcesAreDropped(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	w := newWorld(t)
	w.startAgent()
	w.addGateway("")
	w.waitReady()
	serve(t, here, hostAt+":7") // of all local addresses UDP would answer from another
	hosttest.Shell(t, `
		for a in 100.65.0.99/32 127.0.0.99/32; do ip -n client addr add $a dev eth0; done
		ip -n client addr add fd77:6566:7400::1:99/128 dev eth0 nodad
		ip -n e1 addr add 127.0.0.99/32 dev eth0; ip netns exec e1 sysctl -qw net.ipv4.conf.all.route_localnet=1`)
	for _, c := range []struct {
		from       hosttest.Namespace
		source, to string
		rule       string
	}{
		{w.client, "100.65.0.99", hostAt, "ip saddr @inside4"},
		{w.client, "fd77:6566:7400::1:99", host6, "ip6 saddr @inside6"},
		{w.e1, "127.0.0.99", hostAt, `iifname "weft-gw" ip saddr 127.0.0.0/8`},
	} {
		counted := func() string {
			for line := range strings.Lines(hosttest.Run(t, "nft", "list", "chain", "inet", "weft", "guard")) {
				if strings.Contains(line, c.rule) {
					return line
				}
			}
			t.Fatalf("no rule %s", c.rule)
			return ""
		}
		before := counted()
		err := c.from.Do(func() error {
			conn, err := (&net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(c.source)}}).Dial("udp", net.JoinHostPort(c.to, "7"))
			if err != nil {
				return err
			}
			defer conn.Close()
			_, err = conn.Write([]byte("x"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		hosttest.Eventually(t, func() string {
			if counted() == before {
				return "no packet from " + c.source + " was dropped: " + before
			}
			return ""
		})
	}
}

// Subnets that are reached as they are: from the host, from who routes through
// it, and through a forward.
func TestDirectAccess(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	w := newWorld(t)
	hosttest.Shell(t, `
		iptables -P FORWARD DROP
		ip -n e2 addr add 10.0.1.8/32 dev eth0; ip -n client route add 10.0.1.0/24 via 172.16.0.3`)
	w.ovs.OFCtl("", "add-flow", "br-weft", "in_port=1,ip,nw_dst=10.0.1.8 actions=set_field:02:00:00:00:00:08->eth_dst,output:18")
	w.startAgent()
	w.addGateway("")
	w.set("weft-routes", "10.0.1.0/24")
	w.setForwards("tcp/0.0.0.0:8082>10.0.1.8:80")
	hosttest.Eventually(t, func() string {
		if !strings.Contains(ruleset(t), "10.0.1.8 . 80") {
			return "the forward is missing"
		}
		return ""
	})
	w.waitReady()
	serve(t, w.e2, "10.0.1.8:80")
	for _, network := range []string{"tcp", "udp"} {
		reaches(t, "the host", here, network, "10.0.1.8:80", "100.64.0.3")
		reaches(t, "through the host", w.client, network, "10.0.1.8:80", clientAt)
	}
	gone, seen, err := dial(w.client, "tcp", hostAt+":8082")
	if err != nil || seen != clientAt {
		t.Fatalf("forward: reached as %s, %v", seen, err)
	}
	defer gone.Close()
	w.setForwards("")
	waitReset(t, gone)
}

// A forward that is taken away takes its connections along, and no others.
func TestRemovedForwardEndsItsConnections(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	w := newWorld(t)
	w.startAgent()
	w.addGateway(forwards)
	w.waitReady()
	serve(t, w.e1, ":80")
	serve(t, w.e2, ":80")
	gone, _, err := dial(w.client, "tcp", hostAt+":8080")
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Close()
	stays, _, err := dial(w.client, "tcp", hostAt+":8081")
	if err != nil {
		t.Fatal(err)
	}
	defer stays.Close()

	w.setForwards("tcp/172.16.0.3:8081>100.65.0.8:80")
	hosttest.Eventually(t, func() string {
		if strings.Contains(ruleset(t), ". 8080") {
			return "the forward is there"
		}
		return ""
	})
	waitReset(t, gone)
	stays.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := stays.Write([]byte("still there?\n")); err != nil {
		t.Fatal(err)
	}
	if n, err := stays.Read(make([]byte, 100)); err != nil || n == 0 {
		t.Errorf("the connection of another forward: %v", err)
	}
}

// waitReset waits for a connection of a forward that is gone: its packets are
// the host's own now, and nobody listens there.
func waitReset(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	hosttest.Eventually(t, func() string {
		if _, err := c.Write([]byte("still there?\n")); errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
			return ""
		}
		return "the connection of a forward that is gone goes on"
	})
}

// The port comes and goes, with everything that belongs to it.
func TestGatewayComesAndGoes(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	w := newOVS(t)
	w.ovs.VSCtl("set", "Open_vSwitch", ".", "external_ids:weft-agent=ready") // of an agent of earlier
	hosttest.Shell(t, "iptables -P FORWARD DROP; ip6tables -P FORWARD DROP")
	state := func() string { return ruleset(t) + hosttest.Shell(t, "ip -br addr; ip route; ip -6 route") }
	before := state()
	w.startAgent()
	w.waitReport("")
	for range 2 {
		w.addGateway(forwards)
		w.waitReady()
		w.ovs.VSCtl("del-port", "weft-gw")
		w.waitReport("")
		hosttest.Eventually(t, func() string { // ovs-vswitchd may be slower than the agent
			if diff := cmp.Diff(before, state()); diff != "" {
				return "- before, + after:\n" + diff
			}
			return ""
		})
	}
}

// Whatever somebody else changes is noticed and put right.
func TestForeignChangesAreUndone(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	w := newOVS(t)
	w.startAgent()
	w.addGateway(forwards)
	w.waitReady()
	state := func() string { return ruleset(t) + hosttest.Shell(t, "ip -br -4 addr; ip route; ip -6 route") }
	right := state()
	for _, damage := range []string{
		"nft delete table inet weft",
		"nft flush map inet weft forwards4",
		"ip addr flush dev weft-gw scope global",
		"ip route del 100.64.0.0/10",
		"ip link set weft-gw down",
	} {
		hosttest.Shell(t, damage)
		hosttest.Eventually(t, func() string {
			if diff := cmp.Diff(right, state()); diff != "" {
				return "after " + damage + ": - right, + is:\n" + diff
			}
			return ""
		})
	}
	hosttest.Shell(t, "iptables -P FORWARD DROP")
	hosttest.Eventually(t, func() string {
		if !strings.Contains(hosttest.Run(t, "iptables", "-S", "FORWARD"), "-i weft-gw") {
			return "a FORWARD chain that drops since now has no rule that accepts"
		}
		return ""
	})
}

// An agent that ends, and an ovsdb-server that ends, leave everything as it is.
func TestDyingStopsNothing(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	w := newOVS(t)
	stop := w.startAgent()
	w.addGateway(forwards)
	w.waitReady()
	right := ruleset(t)
	stop()
	if diff := cmp.Diff(right, ruleset(t)); diff != "" {
		t.Errorf("without the agent: - before, + after:\n%s", diff)
	}
	w.setForwards("tcp/0.0.0.0:8080>100.65.0.8:80")
	w.startAgent()
	hosttest.Eventually(t, func() string {
		if !strings.Contains(ruleset(t), "8080 : 100.65.0.8 . 80") || strings.Contains(ruleset(t), "100.65.0.7") {
			return "what changed while there was no agent is missing"
		}
		return ""
	})
	right = ruleset(t)
	if err := w.ovs.Process("ovsdb-server").Kill(); err != nil {
		t.Fatal(err)
	}
	// Still at work: what is undone in the kernel comes back.
	hosttest.Shell(t, "nft delete table inet weft")
	hosttest.Eventually(t, func() string {
		if diff := cmp.Diff(right, ruleset(t)); diff != "" {
			return "without ovsdb-server: - before, + after:\n" + diff
		}
		return ""
	})
}

// An interface that ovs-vswitchd makes anew gets everything anew, and one that
// it does not make is reported.
func TestInterfaceThatVanishes(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	w := newOVS(t)
	w.startAgent()
	w.addGateway(forwards)
	w.waitReady()
	state := func() string { return ruleset(t) + hosttest.Shell(t, "ip -br -4 addr; ip route") }
	right := state()
	w.ovs.VSCtl("set", "bridge", "br-weft", "datapath_type=dummy") // internal ports of which are no interfaces
	hosttest.Eventually(t, func() string {
		if got := w.report(); !strings.Contains(got, "is in OVSDB but not in the kernel") {
			return "the report is " + got
		}
		return ""
	})
	w.ovs.VSCtl("set", "bridge", "br-weft", "datapath_type=netdev")
	w.waitReady()
	if diff := cmp.Diff(right, state()); diff != "" {
		t.Errorf("- before, + after:\n%s", diff)
	}
}

// What cannot be understood is reported, and the gateway stays as it was.
func TestNonsenseIsReported(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	w := newOVS(t)
	w.startAgent()
	w.addGateway(forwards)
	w.waitReady()
	right := ruleset(t)
	w.setForwards("tcp/0.0.0.0:99999>100.65.0.7:80")
	hosttest.Eventually(t, func() string {
		if got := w.report(); !strings.HasPrefix(got, `failed: external_ids of interface weft-gw: weft-forwards: `) {
			return "the report is " + got
		}
		return ""
	})
	if diff := cmp.Diff(right, ruleset(t)); diff != "" {
		t.Errorf("- before, + after:\n%s", diff)
	}
	w.setForwards(forwards)
	w.waitReport(agent.Ready)
}

func TestRemove(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	w := newOVS(t)
	stop := w.startAgent()
	before := ruleset(t)
	w.addGateway(forwards)
	w.waitReady()
	stop()
	cfg := agent.Config{OVSDB: "unix:" + w.ovs.Path("db.sock"), Log: slog.New(slog.DiscardHandler)}
	if err := agent.Remove(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, ruleset(t)); diff != "" {
		t.Errorf("- before, + after:\n%s", diff)
	}
	if got := w.report(); got != "" {
		t.Errorf("the report is still there: %s", got)
	}
	if left := hosttest.Shell(t, "ip -o addr show dev weft-gw scope global; ip route; ip -br link show up | grep weft-gw || true"); left != "" {
		t.Errorf("left:\n%s", left)
	}
	// Without a database everything else goes too, and it is said what stays.
	cfg.OVSDB = "unix:" + w.ovs.Path("nowhere.sock")
	if err := agent.Remove(context.Background(), cfg); err == nil || !strings.Contains(err.Error(), "the report in OVSDB stays") {
		t.Errorf("the error is: %v", err)
	}
}
