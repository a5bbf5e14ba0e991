package rest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/model"
)

func TestGatewaysThatCannotBe(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/networks", `{"name":"blue","subnet":"10.0.1.0/24","gateway":{"mode":"routed","hosts":["gw1"]}}`)
	a.must(201, "POST", "/networks", `{"name":"old","subnet":"10.0.5.0/24","vni":77}`)
	a.must(201, "POST", "/networks/old/endpoints", `{"id":"e1","addresses":["10.0.5.1"]}`)
	hosts := `"h0"`
	for i := 1; i < 17; i++ {
		hosts += fmt.Sprintf(`,"h%d"`, i)
	}
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		field, says        string
	}{
		"reserved VNI":           {"POST", "/networks", `{"name":"a","vni":16777215}`, 400, "vni", "Weft's own"},
		"17 gateway hosts":       {"POST", "/networks", `{"name":"a","subnet":"10.9.0.0/24","gateway":{"mode":"snat","hosts":[` + hosts + `]}}`, 400, "gateway.hosts", "16"},
		"layer 2 only":           {"POST", "/networks", `{"name":"a","gateway":{"mode":"snat"}}`, 400, "gateway", "subnets"},
		"host access, local":     {"POST", "/networks", `{"name":"a","subnet":"10.9.0.0/24","gateway":{"mode":"local","hostAccess":true}}`, 400, "gateway.hostAccess", "snat"},
		"direct twice on gw1":    {"POST", "/networks", `{"name":"a","subnets":["10.9.0.0/24","10.0.0.0/16"],"gateway":{"mode":"routed","hosts":["gw2","gw1"]}}`, 409, "subnets[1]", `"blue"`},
		"direct by host access":  {"POST", "/networks", `{"name":"a","subnet":"10.0.1.0/24","gateway":{"mode":"snat","hostAccess":true,"hosts":["gw1"]}}`, 409, "subnets[0]", `"blue"`},
		"direct on every host":   {"POST", "/networks", `{"name":"a","subnet":"10.0.1.0/25","gateway":{"mode":"routed"}}`, 409, "subnets[0]", `"blue"`},
		"direct in a document":   {"POST", "/apply", `{"networks":[{"name":"z"},{"name":"a","subnet":"10.0.1.0/25","gateway":{"mode":"routed"}}]}`, 409, "networks[1].subnets[0]", `"blue"`},
		"direct and transit":     {"POST", "/networks", `{"name":"a","subnet":"100.64.0.0/16","gateway":{"mode":"routed"}}`, 409, "subnets[0]", "100.64.0.0/10"},
		"the router's MAC":       {"POST", "/networks/old/endpoints", `{"mac":"02:77:65:66:74:01"}`, 400, "mac", "gateway"},
		"an endpoint's address":  {"PUT", "/networks/old", `{"subnet":"10.0.5.0/24","gateway":{"mode":"snat","addresses":["10.0.5.1"]}}`, 409, "subnets", `"e1"`},
		"another VNI by POST":    {"POST", "/networks", `{"name":"old","subnet":"10.0.5.0/24","vni":78}`, 409, "vni", "declare it anew"},
		"another subnet by POST": {"POST", "/networks", `{"name":"old","subnet":"10.0.6.0/24"}`, 409, "subnets", "PUT it"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &api{t, a.url, a.server}
			if r := a.refused(test.status, test.field, test.method, test.path, test.body); !strings.Contains(r.problem.Detail, test.says) {
				t.Errorf("%q does not say %q", r.problem.Detail, test.says)
			}
		})
	}
	a.must(201, "POST", "/networks", `{"name":"red","subnet":"10.0.1.0/24","gateway":{"mode":"snat","hosts":["gw1"]}}`) // translated
	a.must(201, "POST", "/networks", `{"name":"yellow","subnet":"100.64.0.0/16","gateway":{"mode":"snat","hosts":["gw1"]}}`)
	a.must(201, "POST", "/networks", `{"name":"green","subnet":"10.0.1.0/24","gateway":{"mode":"routed","hosts":["gw2"]}}`) // elsewhere
	a.refused(409, "subnets[0]", "PUT", "/networks/red", `{"subnet":"10.0.1.0/24","gateway":{"mode":"snat","hosts":["gw1"],"hostAccess":true}}`)
	// One takes the place of another in one document.
	a.must(200, "POST", "/apply?prune=x", `{"networks":[{"name":"one","subnet":"10.7.0.0/24","gateway":{"mode":"routed"}}]}`)
	a.must(200, "POST", "/apply?prune=x", `{"networks":[{"name":"two","subnet":"10.7.0.0/24","gateway":{"mode":"routed"}}]}`)
}

func TestGatewayAddressesAreChosenPerSubnet(t *testing.T) {
	a := newAPI(t)
	const body = `{"name":"n","subnets":["10.0.1.0/24","2001:db8::/64"],"gateway":{"mode":"snat","addresses":["2001:db8::99"]}}`
	addresses := func(r reply) string {
		return fmt.Sprint(r.json(t)["gateway"].(map[string]any)["addresses"])
	}
	if got := addresses(a.must(201, "POST", "/networks", body)); got != "[2001:db8::99 10.0.1.1]" {
		t.Errorf("addresses %s", got)
	}
	a.must(200, "POST", "/networks", body)
}

func TestAGatewayThatComesLaterTakesAFreeAddress(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/networks", `{"name":"n","subnet":"10.0.1.0/24"}`)
	a.must(201, "POST", "/networks/n/endpoints", `{"id":"e1"}`) // 10.0.1.1
	r := a.must(200, "PUT", "/networks/n", `{"subnets":["10.0.1.0/24","10.0.2.0/24"],"gateway":{"mode":"local"}}`)
	if !strings.Contains(r.body, `"addresses":["10.0.1.2","10.0.2.1"]`) {
		t.Errorf("%s", r.body)
	}
	if again := a.must(200, "PUT", "/networks/n", `{"subnets":["10.0.1.0/24","10.0.2.0/24","10.0.3.0/24"],"gateway":{"mode":"local"}}`); !strings.Contains(again.body, `"addresses":["10.0.1.2","10.0.2.1","10.0.3.1"]`) {
		t.Errorf("%s", again.body)
	}
	a.must(201, "POST", "/networks", `{"name":"full","subnet":"10.0.4.0/30"}`)
	a.must(201, "POST", "/networks/full/endpoints", `{}`)
	a.must(201, "POST", "/networks/full/endpoints", `{}`)
	a.refused(409, "gateway.addresses", "PUT", "/networks/full", `{"subnet":"10.0.4.0/30","gateway":{"mode":"local"}}`)
}

func TestAGatewayHostThatIsNotKnown(t *testing.T) {
	a := newAPIWithHosts(t, "gw1")
	r := a.must(201, "POST", "/networks", `{"name":"n","subnet":"10.0.1.0/24","gateway":{"mode":"snat","hosts":["gw1","gw2"]}}`)
	var unknown []string
	for _, c := range r.json(t)["conditions"].([]any) {
		if c := c.(map[string]any); c["type"] == model.HostUnknown {
			unknown = append(unknown, c["message"].(string))
		}
	}
	if len(unknown) != 1 || !strings.Contains(unknown[0], "gw2") {
		t.Errorf("%s", r.body)
	}
	if limit, _ := r.json(t)["mtuLimit"].(map[string]any); limit["mtu"] != 1450.0 || limit["host"] != "gw1" {
		t.Errorf("%s", r.body)
	}
}

func TestDrain(t *testing.T) {
	a := newAPIWithHosts(t, "gw1", "gw2")
	a.must(201, "POST", "/networks", `{"name":"both","subnet":"10.0.1.0/24","gateway":{"mode":"snat","hosts":["gw1","gw2"]}}`)
	draining := func(host string, want bool) string {
		t.Helper()
		r := a.must(200, "GET", "/hosts/"+host, "")
		if r.json(t)["draining"] != want {
			t.Errorf("draining: %s", r.body)
		}
		return r.header.Get("ETag")
	}
	tag := draining("gw1", false)
	a.must(200, "POST", "/hosts/gw1/drain?dryRun=true", "")
	draining("gw1", false)
	a.must(204, "POST", "/hosts/gw1/drain", "")
	if now := draining("gw1", true); now == tag {
		t.Error("draining left the ETag as it was")
	}
	a.must(204, "POST", "/hosts/gw1/drain", "") // as it is
	if r := a.refused(409, "", "POST", "/hosts/gw2/drain", ""); !strings.Contains(r.problem.Detail, "both") {
		t.Errorf("%s", r.body)
	}
	a.must(204, "POST", "/hosts/gw2/drain?force=true&wait=installed", "")
	a.refused(412, "If-Match", "DELETE", "/hosts/gw1/drain", "", "If-Match", tag)
	a.must(204, "DELETE", "/hosts/gw1/drain", "")
	a.must(204, "DELETE", "/hosts/gw1/drain", "")
	draining("gw1", false)
	draining("gw2", true)
	a.refused(404, "", "POST", "/hosts/gw3/drain", "")
	a.refused(404, "", "DELETE", "/hosts/gw3/drain", "")
}

func TestNICs(t *testing.T) {
	a := newAPIWithHosts(t, "h1")
	const one = "/hosts/h1/ports/eth1"
	a.must(201, "POST", "/networks", net1)
	a.must(201, "POST", "/networks", `{"name":"net2"}`)
	a.refused(404, "", "GET", one, "")
	a.refused(404, "", "DELETE", one, "")
	a.must(200, "PUT", one+"?dryRun=true", `{"network":"net1","vlan":0}`)
	a.must(404, "GET", one, "")
	r := a.must(201, "PUT", one, `{"network":"net1","vlan":0}`)
	tag := r.header.Get("ETag")
	if o := r.json(t); r.header.Get("Location") != one || o["host"] != "h1" || o["interface"] != "eth1" || o["network"] != "net1" || o["vlan"] != 0.0 {
		t.Errorf("Location %q, body %s", r.header.Get("Location"), r.body)
	}
	got := a.must(200, "GET", one, "")
	if same := a.must(200, "PUT", one, got.body, "If-Match", tag); same.header.Get("ETag") != tag {
		t.Errorf("PUT of what GET gave made revision %s of %s", same.header.Get("ETag"), tag)
	}
	if ports := a.must(200, "GET", "/hosts/h1/ports", ""); !strings.Contains(ports.body, `"kind":"nic"`) || !strings.Contains(ports.body, `"network":"net1"`) {
		t.Errorf("%s", ports.body)
	}
	a.refused(409, "", "DELETE", "/networks/net1", "")
	for name, test := range map[string]struct {
		path, body string
		status     int
		field      string
	}{
		"no network":        {one, `{"vlan":7}`, 400, "network"},
		"unknown network":   {one, `{"network":"x"}`, 400, "network"},
		"VLAN of 4095":      {one, `{"network":"net1","vlan":4095}`, 400, "vlan"},
		"unknown field":     {one, `{"network":"net1","tag":7}`, 400, "tag"},
		"another interface": {one, `{"network":"net1","interface":"eth2"}`, 400, "interface"},
		"another host":      {one, `{"network":"net1","host":"h2"}`, 400, "host"},
		"unknown host":      {"/hosts/h9/ports/eth1", `{"network":"net1"}`, 404, ""},
		"Weft's own port":   {"/hosts/h1/ports/weft-vxlan", `{"network":"net1"}`, 400, "interface"},
		"the bridge":        {"/hosts/h1/ports/br-weft", `{"network":"net1"}`, 400, "interface"},
		"name too long":     {"/hosts/h1/ports/interface1234567", `{"network":"net1"}`, 400, "interface"},
		"name with a slash": {"/hosts/h1/ports/a%2Fb", `{"network":"net1"}`, 400, "interface"},
	} {
		t.Run(name, func(t *testing.T) {
			(&api{t, a.url, a.server}).refused(test.status, test.field, "PUT", test.path, test.body)
		})
	}
	a.must(200, "PUT", one, `{"network":"net2","vlan":7}`)
	a.refused(412, "If-Match", "DELETE", one, "", "If-Match", tag)
	a.must(204, "DELETE", "/networks/net2?force=true", "")
	a.refused(404, "", "GET", one, "")
	a.must(201, "PUT", one, `{"network":"net1"}`)
	a.must(204, "DELETE", one, "")
	a.must(204, "DELETE", "/networks/net1", "")
}

func TestWatchTellsOfRoutersForwardsAndNICs(t *testing.T) {
	a := newAPIWithHosts(t, "h1")
	a.must(201, "POST", "/networks", `{"name":"n","subnet":"10.0.1.0/24","gateway":{"mode":"snat"}}`)
	a.must(201, "POST", "/networks/n/endpoints", `{"id":"e1"}`)
	lines := a.watching("/watch")
	for _, step := range []struct{ method, path, body, kind, name string }{
		{"PUT", "/routers/r1", `{"networks":["n"]}`, "router", "r1"},
		{"PUT", "/networks/n/forwards/web", `{"port":80,"endpoint":"e1"}`, "forward", "n/web"},
		{"PUT", "/hosts/h1/ports/eth1", `{"network":"n"}`, "nic", "h1/eth1"},
		{"DELETE", "/routers/r1", "", "router", "r1"},
		{"DELETE", "/networks/n/forwards/web", "", "forward", "n/web"},
		{"DELETE", "/hosts/h1/ports/eth1", "", "nic", "h1/eth1"},
	} {
		if r := a.do(step.method, step.path, step.body); r.status > 299 {
			t.Fatalf("%s %s: %s", step.method, step.path, r.body)
		}
		typ, object := "put", `"object":{`
		if step.method == "DELETE" {
			typ, object = "delete", ""
		}
		got := event(t, lines)
		if want := fmt.Sprintf(`"type":"%s","kind":"%s","name":"%s"`, typ, step.kind, step.name); !strings.Contains(got[2], want) || !strings.Contains(got[2], object) {
			t.Errorf("%s %s: %s, want %s", step.method, step.path, got[2], want)
		}
	}
}
