package lab

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const small = `
name: small
underlay:
  segments: {left: 172.16.10.0/24, right: 172.16.20.0/24}
hosts:
  - {name: host1, address: 172.16.10.1/24}
  - {name: host2, address: 172.16.20.100/24}
networks:
  - {name: net1, subnet: 10.0.1.0/24}
  - {name: net2, subnet: 10.0.1.0/24}
endpoints:
  - {name: doc1, network: net1}
  - {name: doc2, network: net1}
  - {name: other, network: net1}
  - {name: other, network: net2}
containers:
  - {name: doc1, host: host1}
  - {name: doc2, host: host2}
expect:
  - {from: doc1, to: doc2, reaches: true}
  - {from: doc1, to: doc2, bulk: 1MiB, neighbour: local}
`

func TestTopologyDefaults(t *testing.T) {
	topology, err := Parse([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]netip.Addr{
		"left":  netip.MustParseAddr("172.16.10.2"), // .1 is host1's
		"right": netip.MustParseAddr("172.16.20.1"),
		"ctl":   netip.MustParseAddr("198.18.0.1"),
	}
	if diff := cmp.Diff(want, topology.Underlay.Router, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("the router's addresses (-want +got):\n%s", diff)
	}
	if topology.Underlay.MTU != 1500 || topology.Controller.Address.String() != "198.18.0.2/24" || topology.Containers[1].Endpoint != "doc2" {
		t.Errorf("defaults are not as documented: %+v", topology)
	}
}

func TestTopologyMistakesAreNamedWithTheirPlaceAndTheWayOut(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown field at the top", "name: small", "nam: small", `at the top: unknown field "nam": the fields here are name,`},
		{"unknown field of a host", "{name: host2, address:", "{name: host2, adress:", `hosts[1]: unknown field "adress": the fields here are name, address`},
		{"unknown field of a network", "subnet: 10.0.1.0/24", "cidr: 10.0.1.0/24", `networks[0]: unknown field "cidr"`},
		{"twice the same key", "name: small", "name: small\nname: large", `"name" already set`},
		{"a list that is none", "hosts:\n", "hosts: host1\nhosts2:\n", "hosts: a list is wanted here"},
		{"a number for a name", "name: small", "name: 7", "name: 7 is not a string"},
		{"lab name", "name: small", "name: Small_1", `name: "Small_1": give the topology a name`},
		{"no address", "address: 172.16.20.100/24", "address: 172.16.20.100", `hosts[1].address: netip.ParsePrefix("172.16.20.100"): no '/'`},
		{"missing address", ", address: 172.16.20.100/24", "", "hosts[1].address: missing: give an address"},
		{"no such segment", "172.16.20.100/24", "172.16.30.100/24", "hosts[1].address: 172.16.30.100/24 is in none of underlay.segments: add its subnet 172.16.30.0/24 there"},
		{"another prefix length", "172.16.20.100/24", "172.16.20.100/25", "is in none of underlay.segments"},
		{"address taken", "172.16.20.100/24", "172.16.10.1/24", "hosts[1].address: 172.16.10.1 is taken by host host1"},
		{"segment with host bits", "right: 172.16.20.0/24", "right: 172.16.20.1/24", "underlay.segments.right: 172.16.20.1/24 has host bits set: the subnet is 172.16.20.0/24"},
		{"overlapping segments", "right: 172.16.20.0/24", "right: 172.16.0.0/16", `underlay.segments.right: 172.16.0.0/16 overlaps segment "left"`},
		{"segment name", "right:", "the-right-hand-side:", "underlay.segments.the-right-hand-side: name a segment with"},
		{"MTU", "underlay:", "underlay:\n  mtu: 500", "underlay.mtu: 500: use 1280"},
		{"router elsewhere", "underlay:", "underlay:\n  router: {left: 10.0.0.1}", "underlay.router.left: 10.0.0.1 is not in that segment"},
		{"host name twice", "name: host2, ", "name: host1, ", `hosts[1].name: "host1" is a host already`},
		{"reserved name", "name: host2, ", "name: router, ", `hosts[1].name: "router" is the router already`},
		{"container like a host", "name: doc2, host", "name: host1, host", `containers[1].name: "host1" is a host already`},
		{"invalid network", "subnet: 10.0.1.0/24", "subnet: 10.0.1.1/24", "networks[0].subnets[0]: 10.0.1.1/24 has host bits set"},
		{"invalid endpoint", "name: doc1, network", "name: doc1, mac: x, network", `endpoints[0].mac: "x" is not a MAC address`},
		{"unknown network", "network: net2", "network: net3", `endpoints[3].network: "net3" is not in this file: its networks are: net1, net2`},
		{"unknown host", "host: host2", "host: host3", `containers[1].host: "host3" is not a host of this file`},
		{"unknown endpoint", "host: host2}", "host: host2, endpoint: doc9}", `containers[1].endpoint: no endpoint of this file is called "doc9"`},
		{"ambiguous endpoint", "host: host2}", "host: host2, endpoint: other}", `containers[1].endpoint: "other" may be net1/other or net2/other: write the network too`},
		{"endpoint of two containers", "host: host2}", "host: host2, endpoint: doc1}", `containers[1].endpoint: "doc1" is container doc1's already`},
		{"unknown container", "to: doc2, reaches", "to: doc7, reaches", `expect[0].to: "doc7" is neither a machine of this file nor an ADDRESS or ADDRESS:PORT`},
		{"nothing expected", ", reaches: true", "", "expect[0]: says nothing: add reaches: true"},
		{"to itself", "to: doc2, reaches", "to: doc1, reaches", "expect[0]: a machine always reaches itself"},
		{"contradiction", "reaches: true", "reaches: false, bulk: 1KiB", "expect[0]: bulk, neighbour, mtu, wire, without, answers and seenAs need what reaches: false denies"},
		{"without a gap", "reaches: true", "without: host1", "expect[0]: without says which host stops"},
		{"without whom", "reaches: true", "without: host9, gap: 1s", `expect[0].without: "host9" is not a host of this file`},
		{"a gap without unit", "reaches: true", "without: host1, gap: 500", "expect[0].gap: 500 is not a time"},
		{"neighbour's value", "reaches: true", "neighbour: near", `expect[0].neighbour: "near": the only value is local`},
		{"neighbour on one host", "host: host2}", "host: host1}", "expect[1].neighbour: doc1 and doc2 are on one host"},
		{"no control", "reaches: true}\n  - {from: doc1, to: doc2, bulk: 1MiB, neighbour: local", "reaches: false", "expect[0]: that doc1 does not reach doc2 proves nothing as long as doc1 is not seen to work"},
		{"unknown machine", "from: doc1, to: doc2, reaches", "from: internet, to: doc2, reaches", `expect[0].from: "internet" is not a machine of this file`},
		{"protocol", "reaches: true", "reaches: true, proto: sctp", `expect[0].proto: "sctp": use tcp, udp or icmp`},
		{"no port", "to: doc2, reaches: true", "to: 10.0.1.1, reaches: true, proto: tcp", "expect[0].to: 10.0.1.1: write the port too"},
		{"port of ICMP", "to: doc2, reaches: true", `to: "10.0.1.1:80", reaches: true, proto: icmp`, "expect[0].proto: icmp has no ports"},
		{"answers of a machine", "reaches: true", "reaches: true, answers: doc1", "expect[0].answers: doc2 itself must answer"},
		{"answers of nobody", "to: doc2, reaches: true", `to: "10.0.1.1:80", reaches: true, answers: doc9`, `expect[0].answers: "doc9" is not a machine`},
		{"seen over ICMP", "reaches: true", "reaches: true, proto: icmp, seenAs: host1", "expect[0].seenAs: an echo reply does not say"},
		{"seen as nobody", "reaches: true", "reaches: true, seenAs: host9", `expect[0].seenAs: "host9" is neither a machine of this file nor an address`},
		{"wire of a host", "to: doc2, reaches: true", "to: host2, wire: {udp: 4789, vni: 7}", "expect[0]: neighbour and wire are about tunnels: name two containers"},
		{"half a wire", "reaches: true", "wire: {udp: 4789}", "expect[0].wire: write both"},
		{"MTU of a host", "from: doc1, to: doc2, reaches: true", "from: host1, to: doc2, mtu: 1450", "expect[0].from: mtu is that of a container"},
		{"bulk to an address", "to: doc2, reaches: true", "to: 10.0.1.1, bulk: 1KiB", "expect[0].to: bulk and mtu are between two machines"},
		{"early and working", "reaches: true", "reaches: true, before: true", "expect[0].before: nothing works before anything is declared"},
		{"early without an identity", "reaches: true", "reaches: false, before: true", "expect[0].before: endpoint doc1 needs addresses, and an id or a container"},
		{"internet in a segment", "hosts:", "internet: {addresses: [172.16.10.9/24]}\nhosts:", `internet.addresses[0]: 172.16.10.9/24 overlaps segment "left"`},
		{"internet in a network", "hosts:", "internet: {addresses: [10.0.1.9/24]}\nhosts:", "internet.addresses[0]: 10.0.1.9/24 overlaps the subnet 10.0.1.0/24 of network net1"},
		{"internet without room", "hosts:", "internet: {addresses: [203.0.113.10/32]}\nhosts:", "internet.addresses[0]: 203.0.113.10/32: give an address in a subnet that has room"},
		{"second subnet of nothing", "underlay:", "underlay:\n  segments6: {up: 2001:db8::/64}", "underlay.segments6.up: there is no such segment"},
		{"second subnet of IPv4", "underlay:", "underlay:\n  segments6: {left: 172.17.0.0/24}", "underlay.segments6.left: 172.17.0.0/24: use an IPv6 subnet"},
		{"second address", "address: 172.16.20.100/24}", "address: 172.16.20.100/24, address6: 2001:db8::1/64}", "hosts[1].address6: 2001:db8::1/64 is not in underlay.segments6.right"},
		{"NIC with a name of the lab's", "address: 172.16.20.100/24}", "address: 172.16.20.100/24, nics: {eth0: office}}", `hosts[1].nics: "eth0": use the name of an interface`},
		{"LAN like a segment", "address: 172.16.20.100/24}", "address: 172.16.20.100/24, nics: {eth1: left}}", `hosts[1].nics.eth1: "left" is a segment of the underlay`},
		{"machine like a host", "hosts:", "machines: [{name: host1, lan: office}]\nhosts:", `machines[0].name: "host1" is a host already`},
		{"machine's gateway", "hosts:", "machines: [{name: m, lan: office, addresses: [10.0.1.7/24], gateway: [10.0.2.1]}]\nhosts:", "machines[0].gateway[0]: 10.0.2.1 is in none of the subnets"},
		{"forward of no network", "endpoints:", "forwards: [{network: net9, port: 80, endpoint: doc1}]\nendpoints:", `forwards[0].network: "net9" is not in this file`},
		{"forward without a port", "endpoints:", "forwards: [{network: net1, endpoint: doc1}]\nendpoints:", "forwards[0].port: say which port"},
		{"NIC of no host", "endpoints:", "nics: [{host: host9, interface: eth1, network: net1}]\nendpoints:", `nics[0].host: "host9" is not a host of this file`},
		{"NIC that the host has not", "endpoints:", "nics: [{host: host1, interface: eth1, network: net1}]\nendpoints:", "nics[0].interface: host host1 has no eth1 in this file"},
		{"router twice in a network", "endpoints:", "routers: [{name: r, networks: [net1, net1]}]\nendpoints:", `routers[0].networks[1]: network "net1" stands here twice`},
		{"amount", "bulk: 1MiB", "bulk: 1MB", `expect[1].bulk: "1MB" is not an amount of data: write for instance 16MiB`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(small, c.old, c.new, 1)
			if text == small {
				t.Fatalf("%q is not in the topology", c.old)
			}
			_, err := Parse([]byte(text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant …%s…", err, c.want)
			}
		})
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(file, []byte("hosts: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil || !strings.HasPrefix(err.Error(), file+": ") {
		t.Errorf("got %v", err)
	}
}

func TestEveryTopologyOfTheProjectIsValid(t *testing.T) {
	files, err := filepath.Glob("../topologies/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no topologies: %v", err)
	}
	for _, file := range files {
		topology, err := Load(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if topology.Name+".yaml" != filepath.Base(file) || len(topology.Expect) == 0 || topology.Description == "" {
			t.Errorf("%s: is called %q, expects %d things, description %q", file, topology.Name, len(topology.Expect), topology.Description)
		}
	}
}

func TestTopologySurvivesTheStateFile(t *testing.T) {
	topology, err := Parse([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(topology)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(text) // JSON is YAML
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	second, err := json.Marshal(again)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), string(second)); diff != "" {
		t.Error(diff)
	}
}
