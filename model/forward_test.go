package model

import (
	"strings"
	"testing"
)

func TestForwardsAreCheckedByThemselves(t *testing.T) {
	good := Forward{Port: 80, Endpoint: "web"}
	for name, test := range map[string]struct {
		change func(*Forward)
		field  string
	}{
		"as it is":             {func(f *Forward) {}, ""},
		"with an address":      {func(f *Forward) { f.Address = MustAddr("192.0.2.1") }, ""},
		"UDP, another port":    {func(f *Forward) { f.Protocol, f.EndpointPort = UDP, 65535 }, ""},
		"loopback address":     {func(f *Forward) { f.Address = MustAddr("127.0.0.1") }, "address"},
		"link-local address":   {func(f *Forward) { f.Address = MustAddr("fe80::1") }, "address"},
		"no address of a kind": {func(f *Forward) { _ = f.Address.UnmarshalText([]byte("here")) }, "address"},
		"unspecified address":  {func(f *Forward) { f.Address = MustAddr("::") }, "address"},
		"protocol in capitals": {func(f *Forward) { f.Protocol = "TCP" }, "protocol"},
		"no port":              {func(f *Forward) { f.Port, f.EndpointPort = 0, 80 }, "port"},
		"port too large":       {func(f *Forward) { f.Port = 65536 }, "port"},
		"to a port too large":  {func(f *Forward) { f.EndpointPort = 65536 }, "endpointPort"},
		"no endpoint":          {func(f *Forward) { f.Endpoint = "" }, "endpoint"},
		"an id with a slash":   {func(f *Forward) { f.ID = "a/b" }, "id"},
	} {
		f := good
		test.change(&f)
		f.Normalize()
		if err := f.Check(); (err == nil) != (test.field == "") || err != nil && err.Field != test.field {
			t.Errorf("%s: %v, want field %q", name, err, test.field)
		}
	}
}

func TestForwardsAreTitledByTheirPort(t *testing.T) {
	for _, test := range []struct {
		f    Forward
		want string
	}{
		{Forward{Protocol: TCP, Port: 80}, "tcp/80"},
		{Forward{Protocol: UDP, Port: 53, Address: MustAddr("192.0.2.1")}, "udp/192.0.2.1:53"},
		{Forward{Protocol: UDP, Port: 53, Address: MustAddr("2001:db8::1")}, "udp/[2001:db8::1]:53"},
	} {
		if got := test.f.Title(); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

func TestInterfacesThatCanBeInNetworks(t *testing.T) {
	for name, good := range map[string]bool{
		"eth1": true, "enp3s0f1": true, "bond0.100": true, "weft": true,
		"": false, ".": false, "..": false, "a/b": false, "sixteencharacter": false, "eth 1": false,
		"br-weft": false, "weft-vxlan": false, "weft-gw": false, "weft-bfd-7": false,
	} {
		if err := CheckInterface("interface", name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
	for vlan, good := range map[int]bool{0: true, 1: true, 4094: true, 4095: false, -1: false} {
		n := NIC{Interface: "eth1", Network: "net1", VLAN: vlan}
		if err := n.Check(); (err == nil) != good {
			t.Errorf("VLAN %d: %v", vlan, err)
		}
	}
}

func TestRoutersAreCheckedByThemselves(t *testing.T) {
	for _, test := range []struct {
		r     Router
		field string
	}{
		{Router{Name: "r1"}, ""},
		{Router{Name: "r1", Networks: []string{"a", "b"}}, ""},
		{Router{Name: "R1"}, "name"},
		{Router{Name: "r1", Networks: []string{"a", "a"}}, "networks[1]"},
		{Router{Name: "r1", Networks: []string{""}}, "networks[0]"},
		{Router{Name: "r1", Networks: strings.Split(strings.Repeat("a,", maxRouterNetworks)+"a", ",")}, "networks"},
	} {
		if err := test.r.Check(); (err == nil) != (test.field == "") || err != nil && err.Field != test.field {
			t.Errorf("%+v: %v, want field %q", test.r, err, test.field)
		}
	}
}

func TestWhichNetworksShareAGateway(t *testing.T) {
	with := func(mode string, access bool, hosts ...string) *Network {
		return &Network{Gateway: &Gateway{Mode: mode, Hosts: hosts, HostAccess: access}}
	}
	for _, test := range []struct {
		a, b *Network
		want bool
	}{
		{with(GatewaySNAT, false, "h1"), with(GatewaySNAT, false, "h2"), false},
		{with(GatewaySNAT, false, "h1"), with(GatewayRouted, false, "h2", "h1"), true},
		{with(GatewaySNAT, false), with(GatewayRouted, false, "h2"), true},
		{with(GatewaySNAT, false), with(GatewayLocal, false), false},
		{&Network{}, with(GatewaySNAT, false), false},
	} {
		if test.a.SharesGateway(test.b) != test.want || test.b.SharesGateway(test.a) != test.want {
			t.Errorf("%+v and %+v: want %v", test.a.Gateway, test.b.Gateway, test.want)
		}
	}
	for n, want := range map[*Network]bool{
		with(GatewaySNAT, false): false, with(GatewaySNAT, true): true, with(GatewayRouted, false): true, with(GatewayLocal, false): false, {}: false,
	} {
		if n.ReachedDirectly() != want {
			t.Errorf("%+v is reached directly: %v", n.Gateway, !want)
		}
	}
}
