package model

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestNetworkCheck(t *testing.T) {
	for _, c := range []struct {
		body  string
		field string // empty: it is right
		says  string
	}{
		{`{"name":"net1"}`, "", ""},
		{`{"name":"n"}`, "", ""},
		{`{"name":"net1","subnets":["10.0.1.0/24","2001:db8:1::/64"],"vni":5000,"mtu":1450,"encap":"vxlan"}`, "", ""},
		{`{"name":"net1","subnet":"10.0.1.0/24"}`, "", ""},
		{`{"name":"net1","subnet":"10.0.1.0/31"}`, "", ""},
		{`{}`, "name", "not a name"},
		{`{"name":"Net1"}`, "name", "a-z"},
		{`{"name":"net/1"}`, "name", "not a name"},
		{`{"name":"-net"}`, "name", "not a name"},
		{`{"name":"net.","vni":1}`, "name", "not a name"},
		{`{"name":"` + strings.Repeat("a", 64) + `"}`, "name", "63"},
		{`{"name":"n","vni":16777216}`, "vni", "16777215"},
		{`{"name":"n","subnets":["10.0.1.1/24"]}`, "subnets[0]", "10.0.1.0/24"},
		{`{"name":"n","subnets":["10.0.1.0"]}`, "subnets[0]", "not a subnet"},
		{`{"name":"n","subnets":["10.0.0.0/16","2001:db8::/64","10.0.1.0/24"]}`, "subnets[2]", "overlaps subnets[0]"},
		{`{"name":"n","subnets":["224.0.0.0/8"]}`, "subnets[0]", "unicast"},
		{`{"name":"n","subnets":["127.0.0.0/8"]}`, "subnets[0]", "unicast"},
		{`{"name":"n","subnets":["0.0.0.0/0"]}`, "subnets[0]", "unicast"},
		{`{"name":"n","subnets":["fe80::/64"]}`, "subnets[0]", "unicast"},
		{`{"name":"n","subnets":["::ffff:10.0.0.0/104"]}`, "subnets[0]", "IPv4"},
		{`{"name":"n","subnet":"10.0.1.0/24","subnets":["10.0.2.0/24"]}`, "subnet", "not both"},
		{`{"name":"n","mtu":575}`, "mtu", "576"},
		{`{"name":"n","mtu":1200,"subnets":["2001:db8::/64"]}`, "mtu", "1280"},
		{`{"name":"n","mtu":70000}`, "mtu", "65485"},
		{`{"name":"n","encap":"stt"}`, "encap", "vxlan"},
		{`{"name":"n","encap":"gre"}`, "", ""},
		{`{"name":"n","encap":"geneve"}`, "", ""},
		{`{"name":"n","unknown":"ask"}`, "unknown", "flood"},
		{`{"name":"n","subnets":["10.0.1.0/24"],"gateway":{"addresses":["10.0.1.1"],"mode":"snat","hosts":["host1"],"hostAccess":true}}`, "", ""},
		{`{"name":"n","gateway":{"mode":"local"}}`, "gateway", "layer 2"},
		{`{"name":"n","subnets":["10.0.1.0/24"],"gateway":{"addresses":["10.0.2.1"]}}`, "gateway.addresses[0]", "outside"},
		{`{"name":"n","subnets":["10.0.1.0/24"],"gateway":{"addresses":["10.0.1.0"]}}`, "gateway.addresses[0]", "network address"},
		{`{"name":"n","subnets":["10.0.1.0/24"],"gateway":{"addresses":["10.0.1.255"]}}`, "gateway.addresses[0]", "broadcast"},
		{`{"name":"n","subnets":["2001:db8::/64"],"gateway":{"addresses":["2001:db8::"]}}`, "gateway.addresses[0]", "anycast"},
		{`{"name":"n","subnets":["10.0.1.0/24"],"gateway":{"addresses":["10.0.1.1","10.0.1.2"]}}`, "gateway.addresses[1]", "10.0.1.1 already"},
		{`{"name":"n","subnets":["10.0.1.0/24"],"gateway":{"addresses":["x"]}}`, "gateway.addresses[0]", "not an IP address"},
		{`{"name":"n","subnets":["10.0.1.0/24"],"gateway":{"mode":"nat"}}`, "gateway.mode", "snat"},
		{`{"name":"n","subnets":["10.0.1.0/24"],"gateway":{"mode":"local","hostAccess":true}}`, "gateway.hostAccess", "routed"},
		{`{"name":"n","subnets":["10.0.1.0/24"],"gateway":{"mode":"snat","hosts":["a","a"]}}`, "gateway.hosts[1]", "twice"},
	} {
		var n Network
		if err := json.Unmarshal([]byte(c.body), &n); err != nil {
			t.Errorf("%s: %v", c.body, err)
			continue
		}
		n.Normalize()
		verdict(t, c.body, n.Check(), c.field, c.says)
	}
}

func verdict(t *testing.T, body string, err *Error, field, says string) {
	t.Helper()
	switch {
	case field == "" && err != nil:
		t.Errorf("%s is right, and refused: %v", body, err)
	case field == "":
	case err == nil:
		t.Errorf("%s was taken", body)
	case err.Kind != Invalid || err.Field != field || !strings.Contains(err.Detail, says):
		t.Errorf("%s: %v, which should be about %s and say %q", body, err, field, says)
	}
}

func TestNormalizeChoosesWhatFollows(t *testing.T) {
	n := Network{Name: "n"}
	n.Normalize()
	if n.Unknown != Flood || n.Encap != VXLAN {
		t.Errorf("without subnets nothing would resolve: %+v", n)
	}
	n = Network{Name: "n", Subnets: []Prefix{MustPrefix("10.0.0.0/24")}, Gateway: &Gateway{Addresses: []Addr{MustAddr("10.0.0.1")}}}
	n.Normalize()
	if n.Unknown != Drop || n.Gateway.Mode != GatewayLocal {
		t.Errorf("%+v, gateway %+v", n, n.Gateway)
	}
}

func TestEndpointCheck(t *testing.T) {
	network := Network{Name: "net1", Subnets: []Prefix{MustPrefix("10.0.1.0/24"), MustPrefix("2001:db8:1::/64")},
		Gateway: &Gateway{Addresses: []Addr{MustAddr("10.0.1.1")}, Mode: GatewayLocal}}
	for _, c := range []struct{ body, field, says string }{
		{`{}`, "", ""},
		{`{"id":"Port-A_1.x","name":"doc1","addresses":["10.0.1.10","2001:db8:1::10"],"mac":"02:42:0A:00:01:0a","container":"doc1","host":"h"}`, "", ""},
		{`{"mac":"02-42-0a-00-01-0a"}`, "", ""},
		{`{"id":"a/b"}`, "id", "not an id"},
		{`{"name":"A"}`, "name", "not a name"},
		{`{"mac":"02:42"}`, "mac", "not a MAC"},
		{`{"mac":"00:00:00:00:00:00"}`, "mac", "all-zero"},
		{`{"mac":"01:00:5e:00:00:01"}`, "mac", "group"},
		{`{"mac":"ff:ff:ff:ff:ff:ff"}`, "mac", "group"},
		{`{"addresses":["10.0.2.1"]}`, "addresses[0]", "outside"},
		{`{"addresses":["10.0.1.10","10.0.1.10"]}`, "addresses[1]", "twice"},
		{`{"addresses":["10.0.1.1"]}`, "addresses[0]", "gateway"},
		{`{"addresses":["10.0.1.0"]}`, "addresses[0]", "network address"},
		{`{"addresses":["10.0.1.255"]}`, "addresses[0]", "broadcast"},
		{`{"addresses":["2001:db8:1::"]}`, "addresses[0]", "anycast"},
		{`{"addresses":["10.0.1.10/24"]}`, "addresses[0]", "not an IP address"},
		{`{"addresses":["fe80::1%eth0"]}`, "addresses[0]", "not an IP address"},
		{`{"container":"a b"}`, "container", "not a container"},
		{`{"interface":"eth0"}`, "interface", "container too"},
		{`{"container":"c","interface":"much-too-long-name"}`, "interface", "15"},
	} {
		var e Endpoint
		if err := json.Unmarshal([]byte(c.body), &e); err != nil {
			t.Errorf("%s: %v", c.body, err)
			continue
		}
		e.Normalize()
		verdict(t, c.body, e.Check(&network), c.field, c.says)
	}
}

func TestTextsComeBackAsTheyAre(t *testing.T) {
	const body = `{"id":"a","network":"n","mac":"02:42:0a:00:01:0a","addresses":["10.0.1.10","2001:db8::1"]}`
	var e Endpoint
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(e)
	if err != nil || string(got) != body {
		t.Errorf("%s became %s: %v", body, got, err)
	}
}

func TestFieldsOfErrorsAreNested(t *testing.T) {
	err := Invalidf("mac", "wrong").Within("endpoints[3]")
	if err.Field != "endpoints[3].mac" || Invalidf("", "wrong").Within("networks[0]").Field != "networks[0]" {
		t.Error(err.Field)
	}
}
