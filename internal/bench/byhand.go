package main

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/weft-sdn/weft/lab"
)

// What is made by hand has these names and numbers.
const (
	weftBridge = "br-weft"
	handBridge = "br-hand"
	handVNI    = 9000

	// handGateways is how many gateway ports there are, for how fast a port is
	// depends on its place among those that ovs-vswitchd polls.
	handGateways = 3
)

var handSubnet = netip.MustParsePrefix("10.0.9.0/24")

func handAddress(n int) netip.Addr {
	a := handSubnet.Addr().As4()
	a[3] = byte(n)
	return netip.AddrFrom4(a)
}

// byHand is a network as people make it without a controller, of bridges that
// switch as any bridge does. The containers of a lab can be moved there.
type byHand struct {
	switches   []int // processes of ovs-vswitchd
	containers []*lab.Container
	addresses  map[string]netip.Addr // of the containers there
	beyond     netip.Addr            // of the internet, that is reached from there
}

// makeByHand gives each host a bridge with a VXLAN port to the other, and the
// first one gateways whose NAT is the kernel's.
func makeByHand(ctx context.Context, l *lab.Lab) (*byHand, error) {
	made := &byHand{containers: l.Containers(), addresses: map[string]netip.Addr{}, beyond: l.Machine("internet").Addresses()[1]}
	hosts := l.Hosts()
	for i, h := range hosts {
		if err := script(ctx, h, fmt.Sprintf(`
			ovs-vsctl --timeout=20 add-br %[1]s -- set Bridge %[1]s datapath_type=netdev fail_mode=standalone \
				-- add-port %[1]s hand-vxlan -- set Interface hand-vxlan type=vxlan options:remote_ip=%[2]v options:key=%[3]d`,
			handBridge, hosts[1-i].Addresses()[0], handVNI)); err != nil {
			return nil, err
		}
		pid, err := h.Run(ctx, "sh", "-c", "cat $OVS_RUNDIR/ovs-vswitchd.pid")
		if err != nil {
			return nil, err
		}
		process, err := strconv.Atoi(strings.TrimSpace(pid))
		if err != nil {
			return nil, err
		}
		made.switches = append(made.switches, process)
	}
	mtu := made.containers[0].Endpoint().MTU
	for n := range handGateways {
		if err := script(ctx, hosts[0], fmt.Sprintf(`
			ovs-vsctl --timeout=20 add-port %[1]s %[2]s -- set Interface %[2]s type=internal mtu_request=%[3]d
			ip address add %[4]v/%[5]d dev %[2]s noprefixroute
			ip link set %[2]s up`,
			handBridge, handGateway(n), mtu, handAddress(1+n), handSubnet.Bits())); err != nil {
			return nil, err
		}
	}
	if err := script(ctx, hosts[0], fmt.Sprintf(`
		sysctl -q -w net.ipv4.ip_forward=1
		nft add table ip hand
		nft add chain ip hand postrouting '{ type nat hook postrouting priority srcnat; }'
		nft add rule ip hand postrouting ip saddr %[1]v oifname != "hand-*" masquerade`, handSubnet)); err != nil {
		return nil, err
	}
	for i, c := range made.containers {
		made.addresses[c.Name] = handAddress(11 + i)
		if err := script(ctx, c, fmt.Sprintf(`ip address add %v/%d dev %s`, made.addresses[c.Name], handSubnet.Bits(), c.Interface())); err != nil {
			return nil, err
		}
	}
	return made, nil
}

func handGateway(n int) string { return fmt.Sprintf("hand-gw%d", n) }

// throughGateway makes one of the gateways that of all containers.
func (b *byHand) throughGateway(ctx context.Context, host *lab.Host, n int) error {
	if err := script(ctx, host, fmt.Sprintf(`ip route replace %v dev %s`, handSubnet, handGateway(n))); err != nil {
		return err
	}
	for _, c := range b.containers {
		if err := script(ctx, c, fmt.Sprintf(`ip route replace %v via %v`, b.beyond, handAddress(1+n))); err != nil {
			return err
		}
	}
	return nil
}

// move takes the containers' ports from one bridge to another. It is the same
// port of the datapath there, and so as fast.
func (b *byHand) move(ctx context.Context, from, to string) error {
	for _, c := range b.containers {
		_, err := c.Host.Run(ctx, "ovs-vsctl", "--timeout=20", "del-port", from, c.Port(),
			"--", "add-port", to, c.Port(), "--", "set", "Interface", c.Port(), "external_ids:iface-id="+c.Endpoint().ID)
		if err != nil {
			return err
		}
	}
	return nil
}

// processorTime is what ovs-vswitchd has used on all hosts.
func (b *byHand) processorTime() (total time.Duration, err error) {
	for _, pid := range b.switches {
		used, err := cpuOfProcess(pid)
		if err != nil {
			return 0, err
		}
		total += used
	}
	return total, nil
}

// answers waits until an address can be reached.
func answers(ctx context.Context, from *lab.Machine, to netip.Addr) error {
	return until(ctx, fmt.Sprintf("%s reaches %v", from.Name, to), 100*time.Millisecond, func() (bool, error) {
		_, err := from.Run(ctx, "ping", "-n", "-q", "-c", "1", "-W", "1", to.String())
		return err == nil, ctx.Err()
	})
}

// runner is a machine of a lab.
type runner interface {
	Run(ctx context.Context, name string, args ...string) (string, error)
}

func script(ctx context.Context, on runner, text string) error {
	_, err := on.Run(ctx, "sh", "-e", "-c", strings.TrimSpace(text))
	return err
}
