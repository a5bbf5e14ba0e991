package hostside

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/weft-sdn/weft/agent/hosttest"
)

// externalIDs are those of a gateway with all there is; docs/gateways.md has the
// same one.
func externalIDs() map[string]string {
	return map[string]string{
		"weft-address":    "100.64.0.3/32 fd77:6566:7400::3/128",
		"weft-router":     "100.64.127.255 fd77:6566:7400::7fff",
		"weft-router-mac": "02:77:65:66:74:01",
		"weft-transit":    "100.64.0.0/10 fd77:6566:7400::/64",
		"weft-routes":     "10.0.1.0/24 2001:db8:1::/64",
		"weft-forwards":   "tcp/0.0.0.0:8080>100.65.0.7:80 tcp/[::]:8080>[fd77:6566:7400::1:7]:80 udp/172.16.0.3:53>100.65.0.7:53",
	}
}

func parsed(t testing.TB, externalIDs map[string]string) Gateway {
	t.Helper()
	g, err := Parse(externalIDs)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// newHost is a kernel with an interface that stands in for the one that Open
// vSwitch makes.
func newHost(t *testing.T) *Host {
	t.Helper()
	hosttest.Shell(t, "ip link add weft-gw address 02:77:65:67:00:03 type veth peer name peer-weft-gw address 02:00:00:00:00:03; ip link set peer-weft-gw up")
	return open(t)
}

func open(t *testing.T) *Host {
	t.Helper()
	h, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func apply(t *testing.T, h *Host, g Gateway) {
	t.Helper()
	if err := h.Apply(g); err != nil {
		t.Fatal(err)
	}
}

// snapshot is the whole host side, as the usual tools show it.
func snapshot(t *testing.T) string {
	t.Helper()
	out := hosttest.Shell(t, `
		ip -br link show up | cut -d' ' -f1; ip -o addr | awk '{ print $2, $3, $4 }'
		ip route; ip -6 route
		ip neigh show nud permanent; ip -6 neigh show nud permanent
		nft -s list ruleset
		cd /proc/sys/net
		grep -s . ipv[46]/conf/weft-gw/* ipv4/ip_forward ipv6/conf/all/forwarding || true # some cannot be read`)
	// The kernel's own link-local addresses come and go with a delay.
	return regexp.MustCompile(`(?m)^.*\bfe80::.*\n`).ReplaceAllString(out, "")
}

func TestApplyMakesWhatIsWanted(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	h := newHost(t)
	apply(t, h, parsed(t, externalIDs()))
	got := hosttest.Shell(t, `
		ip -o addr show dev weft-gw scope global | awk '{ print $2, $3, $4 }'
		ip route; ip -6 route | grep -v ^fe80
		ip neigh show dev weft-gw nud permanent; ip -6 neigh show dev weft-gw nud permanent
		nft list table inet weft
		cd /proc/sys/net
		for f in ipv4/ip_forward ipv6/conf/all/forwarding ipv4/conf/weft-gw/send_redirects ipv4/conf/weft-gw/rp_filter
		do echo "$f $(cat $f)"; done`)
	if diff := cmp.Diff(file(t, "testdata/host.txt"), got); diff != "" {
		t.Errorf("- wanted, + got:\n%s", diff)
	}
}

// A host that is right is not touched: no message of the kernel says otherwise.
func TestApplyTwiceChangesNothing(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	hosttest.Shell(t, "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad") // which would report late
	h := newHost(t)
	hosttest.Shell(t, "iptables -P FORWARD DROP; nft add table inet other; nft 'add chain inet other f { type filter hook forward priority 5; policy drop; }'")
	g := parsed(t, externalIDs())
	apply(t, h, g)
	links, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK,
		unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer links.Close()
	tables, err := nl.Subscribe(unix.NETLINK_NETFILTER, nfnlgrpNFTables)
	if err != nil {
		t.Fatal(err)
	}
	defer tables.Close()
	apply(t, h, g)
	apply(t, open(t), g) // another agent
	hosttest.Shell(t, "ip link add weft-marker type bridge; nft add table inet weft-marker")
	for name, from := range map[string]*nl.NetlinkSocket{"links": links, "nftables": tables} {
		messages, _, err := from.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(messages[0].Data), "weft-marker") {
			t.Errorf("%s: the kernel reports a change, message type %d: %q", name, messages[0].Header.Type, messages[0].Data)
		}
	}
}

func TestApplyRepairs(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	h := newHost(t)
	hosttest.Shell(t, "iptables -P FORWARD DROP")
	g := parsed(t, externalIDs())
	apply(t, h, g)
	right := snapshot(t)
	for _, damage := range []string{
		"ip addr del 100.64.0.3/32 dev weft-gw",
		"ip addr del fd77:6566:7400::3/128 dev weft-gw",
		"ip addr add 100.64.0.9/32 dev weft-gw; ip addr add fd77:6566:7400::9/128 dev weft-gw",
		"ip addr add 192.0.2.1/24 dev weft-gw",
		"ip addr flush dev weft-gw",
		"ip route del 10.0.1.0/24",
		"ip route del 100.64.0.0/10",
		"ip -6 route del 2001:db8:1::/64",
		"ip route add 10.0.9.0/24 via 100.64.127.255 dev weft-gw onlink",
		"ip route replace 10.0.1.0/24 dev weft-gw",
		"ip route del 10.0.1.0/24; ip route add 10.0.1.0/24 via 100.64.127.255 dev weft-gw onlink",
		"ip neigh del 100.64.127.255 dev weft-gw",
		"ip neigh replace 100.64.127.255 lladdr 02:00:00:00:00:01 nud permanent dev weft-gw",
		"ip neigh replace 100.64.127.255 lladdr 02:77:65:66:74:01 nud stale dev weft-gw",
		"ip neigh replace 100.64.1.1 lladdr 02:00:00:00:00:01 nud permanent dev weft-gw",
		"ip link set weft-gw down",
		"ip link set weft-gw down; ip link del weft-gw; ip link add weft-gw address 02:77:65:67:00:03 type veth peer name peer-weft-gw address 02:00:00:00:00:03; ip link set peer-weft-gw up",
		"echo 0 > /proc/sys/net/ipv4/ip_forward",
		"echo 0 > /proc/sys/net/ipv6/conf/all/forwarding",
		"echo 1 > /proc/sys/net/ipv4/conf/weft-gw/send_redirects; echo 0 > /proc/sys/net/ipv4/conf/weft-gw/rp_filter",
		"echo 1 > /proc/sys/net/ipv6/conf/weft-gw/disable_ipv6",
		"nft delete table inet weft",
		"nft flush table inet weft",
		"nft flush chain inet weft guard",
		"nft insert rule inet weft guard accept",
		"nft 'add chain inet weft more { type filter hook input priority 0; }'",
		"nft flush chain inet weft output; nft delete chain inet weft output",
		"nft 'chain inet weft guard { policy drop; }'",
		"nft flush map inet weft forwards4",
		"nft 'add element inet weft forwards4 { tcp . 9 : 100.64.0.1 . 9 }'",
		"nft 'delete element inet weft forwards4 { tcp . 8080 }; add element inet weft forwards4 { tcp . 8080 : 100.64.0.1 . 80 }'",
		"nft flush set inet weft transit4",
		"nft 'add element inet weft inside4 { 192.0.2.0/24 }'",
		"nft 'add set inet weft more { type ipv4_addr; }'",
		"nft delete table inet weft; nft add table inet weft",
		"iptables -F FORWARD",
		"iptables -D FORWARD 1",
		"nft insert rule ip filter FORWARD iifname weft-gw counter accept comment weft",
	} {
		hosttest.Shell(t, damage)
		apply(t, h, g)
		if diff := cmp.Diff(right, snapshot(t)); diff != "" {
			t.Errorf("after %s: - right, + repaired:\n%s", damage, diff)
		}
	}
}

// Everything is taken away, and nothing else is.
func TestRemoveTakesExactlyItsOwn(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	h := newHost(t)
	hosttest.Shell(t, `
		ip link add up0 type veth peer name peer-up0; ip link set peer-up0 up; ip addr add 172.16.0.3/24 dev up0; ip link set up0 up; ip route add default via 172.16.0.1
		ip addr add 2001:db8:f::3/64 dev up0 nodad; ip -6 route add default via 2001:db8:f::1
		echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
		iptables -P FORWARD DROP; iptables -N DOCKER-USER; iptables -A DOCKER-USER -m comment --comment weft -j RETURN
		iptables -A FORWARD -j DOCKER-USER; iptables -A FORWARD -i weft-gw -j ACCEPT
		iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
		ip6tables -A FORWARD -j REJECT`)
	before := snapshot(t)
	apply(t, h, parsed(t, externalIDs()))
	if snapshot(t) == before {
		t.Fatal("nothing was made that could be taken away")
	}
	for _, who := range []*Host{h, open(t)} { // also if there is nothing any more
		if err := who.Remove(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, snapshot(t)); diff != "" {
			t.Errorf("- before, + after:\n%s", diff)
		}
	}
	apply(t, h, parsed(t, externalIDs()))
	hosttest.Shell(t, "ip link del weft-gw")
	if err := h.Remove(); err != nil {
		t.Fatal(err)
	}
	if left := hosttest.Run(t, "nft", "list", "ruleset"); strings.Contains(left, `comment "weft"`) || strings.Contains(left, "table inet weft") {
		t.Errorf("left when the interface had gone:\n%s", left)
	}
}

// What an earlier agent left, in whatever state, makes no difference.
func TestLeftoversEndRight(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	h := newHost(t)
	hosttest.Shell(t, "iptables -P FORWARD DROP")
	g := parsed(t, externalIDs())
	apply(t, h, g)
	right := snapshot(t)
	earlier := externalIDs()
	earlier["weft-address"] = "100.80.0.9/32"
	earlier["weft-router"] = "100.80.127.255"
	earlier["weft-router-mac"] = "02:77:65:66:74:02"
	earlier["weft-transit"] = "100.80.0.0/14"
	earlier["weft-routes"] = "10.0.1.0/24 10.0.7.0/24"
	earlier["weft-forwards"] = "tcp/0.0.0.0:8080>100.81.0.7:80 tcp/0.0.0.0:22>100.81.0.7:22"
	for _, half := range []string{
		"true",
		"ip addr flush dev weft-gw",
		"nft flush table inet weft",
		"nft delete table inet weft",
		"ip link set weft-gw down",
		"iptables -D FORWARD 2",
		// A host that was set up by an operator, in a way of his own.
		"nft delete table inet weft; nft add table inet weft; nft 'add chain inet weft post { type nat hook postrouting priority 100; }'; nft add rule inet weft post ip saddr 100.64.0.0/10 masquerade",
	} {
		apply(t, open(t), parsed(t, earlier))
		hosttest.Shell(t, half)
		apply(t, open(t), g)
		if diff := cmp.Diff(right, snapshot(t)); diff != "" {
			t.Errorf("after %s: - right, + got:\n%s", half, diff)
		}
	}
}

// A route that the host has for another purpose is more than ours.
func TestRouteOfTheHostStays(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	h := newHost(t)
	hosttest.Shell(t, "ip link add up0 type veth peer name peer-up0; ip link set peer-up0 up; ip link set up0 up; ip addr add 10.0.1.1/24 dev up0; ip addr add 2001:db8:1::1/64 dev up0 nodad")
	err := h.Apply(parsed(t, externalIDs()))
	if err == nil || !strings.Contains(err.Error(), "the host has a route of its own to 10.0.1.0/24") {
		t.Errorf("the error is: %v", err)
	}
	routes := hosttest.Shell(t, "ip route; ip -6 route")
	if !strings.Contains(routes, "10.0.1.0/24 dev up0") || strings.Contains(routes, "10.0.1.0/24 via") {
		t.Errorf("routes:\n%s", routes)
	}
	if !strings.Contains(routes, "100.64.0.0/10 via") {
		t.Errorf("because of one route the others are missing:\n%s", routes)
	}
	hosttest.Shell(t, "ip link del up0")
	apply(t, h, parsed(t, externalIDs()))
}

// Interfaces with addresses from router advertisements keep them.
func TestAdvertisedAddressesStay(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	h := newHost(t)
	hosttest.Shell(t, "ip link add up0 type veth peer name peer-up0; ip link set peer-up0 up; ip link add up1 type veth peer name peer-up1; ip link set peer-up1 up; echo 0 > /proc/sys/net/ipv6/conf/up1/accept_ra")
	apply(t, h, parsed(t, externalIDs()))
	got := hosttest.Shell(t, "cd /proc/sys/net/ipv6/conf; cat all/forwarding up0/accept_ra up1/accept_ra weft-gw/accept_ra")
	if got != "1\n2\n0\n0\n" {
		t.Errorf("forwarding, and accept_ra of up0, up1, weft-gw: %q", got)
	}
}

// Who has no IPv6 behind Weft forwards none.
func TestGatewayOfIPv4Only(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	h := newHost(t)
	g := parsed(t, externalIDs()).without6()
	apply(t, h, g)
	if got := hosttest.Shell(t, "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding"); got != "1\n0\n" {
		t.Errorf("forwarding of IPv4 and IPv6: %q", got)
	}
	if got := snapshot(t); strings.Contains(got, "fd77") || !strings.Contains(got, "100.64.0.0/10 via") {
		t.Errorf("the host:\n%s", got)
	}
}

func TestManyForwards(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	h := newHost(t)
	const many = 5000
	ids := externalIDs()
	var forwards []string
	for i := range many {
		forwards = append(forwards, fmt.Sprintf("udp/0.0.0.0:%d>100.65.%d.%d:9", 10000+i, i/250, i%250))
	}
	ids["weft-forwards"] = strings.Join(forwards, " ")
	apply(t, h, parsed(t, ids))
	elements := func() int {
		return strings.Count(hosttest.Run(t, "nft", "list", "map", "inet", "weft", "forwards4"), "udp . ")
	}
	if n := elements(); n != many {
		t.Errorf("%d forwards became %d elements", many, n)
	}
	rules := hosttest.Run(t, "nft", "-a", "list", "chain", "inet", "weft", "forwards")
	ids["weft-forwards"] = strings.Join(forwards[:many/2], " ") + " tcp/0.0.0.0:80>100.65.0.1:80"
	apply(t, h, parsed(t, ids))
	if n := elements(); n != many/2 {
		t.Errorf("%d forwards became %d elements", many/2, n)
	}
	if after := hosttest.Run(t, "nft", "-a", "list", "chain", "inet", "weft", "forwards"); after != rules {
		t.Errorf("the rules were made anew, as their handles tell:\n%s%s", rules, after)
	}
}

func TestWithoutInterface(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	h := open(t)
	err := h.Apply(parsed(t, externalIDs()))
	if err == nil || err.Error() != ErrNoInterface.Error() {
		t.Errorf("the error is: %v", err)
	}
	hosttest.Run(t, "nft", "list", "chain", "inet", "weft", "guard")
}

// golden files and the document are beside the code.
func file(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
