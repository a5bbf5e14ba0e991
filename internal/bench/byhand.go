package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/weft-sdn/weft/lab"
)

// What is made by hand has these names and numbers.
const (
	handBridge  = "br-hand"
	handGateway = "hand-gw"
	handInside  = "eth1" // the containers' second interface
	handVNI     = 9000
	handMTU     = 1450
)

var (
	handSubnet = netip.MustParsePrefix("10.0.9.0/24")
	handRouter = netip.MustParseAddr("10.0.9.1")
)

// makeByHand makes a network as people do without a controller: each host gets a
// bridge with a VXLAN port to the other, each container a second interface
// there, and the first host a gateway whose NAT is the kernel's. It returns the
// addresses of the containers.
func makeByHand(ctx context.Context, l *lab.Lab) (map[string]netip.Addr, error) {
	addresses := map[string]netip.Addr{}
	hosts := l.Hosts()
	for i, h := range hosts {
		other := hosts[1-i].Addresses()[0]
		if err := script(ctx, h, fmt.Sprintf(`
			ovs-vsctl --timeout=20 add-br %[1]s -- set Bridge %[1]s datapath_type=netdev fail_mode=standalone \
				-- add-port %[1]s hand-vxlan -- set Interface hand-vxlan type=vxlan options:remote_ip=%[2]s options:key=%[3]d`,
			handBridge, other, handVNI)); err != nil {
			return nil, err
		}
	}
	if err := script(ctx, hosts[0], fmt.Sprintf(`
		ovs-vsctl --timeout=20 add-port %[1]s %[2]s -- set Interface %[2]s type=internal mtu_request=%[3]d
		ip address add %[4]v/%[5]d dev %[2]s
		ip link set %[2]s up
		sysctl -q -w net.ipv4.ip_forward=1
		nft add table ip hand
		nft add chain ip hand postrouting '{ type nat hook postrouting priority srcnat; }'
		nft add rule ip hand postrouting ip saddr %[6]v oifname != %[2]s masquerade`,
		handBridge, handGateway, handMTU, handRouter, handSubnet.Bits(), handSubnet)); err != nil {
		return nil, err
	}
	internet := l.Machine("internet").Addresses()[1]
	address := handRouter
	for _, c := range l.Containers() {
		address = address.Next()
		addresses[c.Name] = address
		if err := plugByHand(ctx, c, address, internet); err != nil {
			return nil, err
		}
	}
	return addresses, nil
}

// plugByHand gives a container its second interface, with the care that package
// lab takes of the first one: the userspace datapath needs checksums in packets,
// and the host's kernel out of the way.
func plugByHand(ctx context.Context, c *lab.Container, address, beyond netip.Addr) error {
	// A process of the host names the namespace that the other end belongs in.
	pid, err := c.Host.Run(ctx, "sh", "-c", "cat $OVS_RUNDIR/ovs-vswitchd.pid")
	if err != nil {
		return err
	}
	port := "hand-" + c.Name
	if err := script(ctx, c, fmt.Sprintf(`
		ip link add %[1]s mtu %[2]d type veth peer name %[3]s mtu %[2]d netns %[4]s
		ethtool -K %[1]s tx off >/dev/null`,
		handInside, handMTU, port, strings.TrimSpace(pid))); err != nil {
		return err
	}
	if err := script(ctx, c.Host, fmt.Sprintf(`
		ethtool -K %[1]s tx off >/dev/null
		sysctl -q -w net.ipv6.conf.%[1]s.disable_ipv6=1
		nft add table netdev %[1]s
		nft add chain netdev %[1]s ingress '{ type filter hook ingress device %[1]s priority 0; policy drop; }'
		ip link set %[1]s up
		ovs-vsctl --timeout=20 add-port %[2]s %[1]s`, port, handBridge)); err != nil {
		return err
	}
	return script(ctx, c, fmt.Sprintf(`
		ip address add %[2]v/%[3]d dev %[1]s
		ip link set %[1]s up
		ip route add %[4]v via %[5]v`, handInside, address, handSubnet.Bits(), beyond, handRouter))
}

// runner is a machine of a lab.
type runner interface {
	Run(ctx context.Context, name string, args ...string) (string, error)
}

func script(ctx context.Context, on runner, text string) error {
	_, err := on.Run(ctx, "sh", "-e", "-c", text)
	return err
}
