package rest

import (
	"fmt"
	"strings"
	"testing"
)

func TestUnderlay(t *testing.T) {
	a := newAPIWithHosts(t, "h1", "h2", "h3")
	if r := a.refused(404, "", "GET", "/underlay", ""); !strings.Contains(r.problem.Detail, "directly") {
		t.Errorf("%s", r.body)
	}
	a.refused(404, "", "DELETE", "/underlay", "")
	const line = `{"links":[{"hosts":["h1","h2"]},{"hosts":["h2","h3"],"cost":5}]}`
	if dry := a.must(200, "PUT", "/underlay?dryRun=true", line); dry.json(t)["differences"] == nil {
		t.Errorf("a dry run answers %s", dry.body)
	}
	a.must(404, "GET", "/underlay", "")
	r := a.must(201, "PUT", "/underlay?wait=installed", line)
	tag := r.header.Get("ETag")
	if r.header.Get("Location") != "/underlay" || !strings.Contains(r.body, `{"hosts":["h2","h3"],"cost":5,"state":"`) {
		t.Errorf("Location %q, %s", r.header.Get("Location"), r.body)
	}
	got := a.must(200, "GET", "/underlay", "")
	if same := a.must(200, "PUT", "/underlay", got.body, "If-Match", tag); same.header.Get("ETag") != tag {
		t.Errorf("PUT of what GET gave made revision %s of %s", same.header.Get("ETag"), tag)
	}
	now := a.must(200, "PUT", "/underlay", `{"groups":[{"hosts":["h1","h2","h3"]}]}`)
	if now.header.Get("ETag") == tag || strings.Count(now.body, `"state":"`) != 3 {
		t.Errorf("ETag %s, %s", now.header.Get("ETag"), now.body)
	}
	a.refused(412, "If-Match", "PUT", "/underlay", line, "If-Match", tag)
	a.refused(412, "If-Match", "DELETE", "/underlay", "", "If-Match", tag)
	a.must(204, "DELETE", "/underlay?wait=installed", "")
	a.must(404, "GET", "/underlay", "")
}

func TestLinksThatCannotBe(t *testing.T) {
	a := newAPIWithHosts(t, "h1", "h2")
	for name, test := range map[string]struct {
		body        string
		field, says string
	}{
		"nothing":             {`{}`, "links", "DELETE /underlay"},
		"an unknown host":     {`{"links":[{"hosts":["h1","h2"]},{"hosts":["h1","h9"]}]}`, "links[1].hosts[1]", `"h9"`},
		"unknown in a group":  {`{"groups":[{"hosts":["h1","h9","h2"]}]}`, "groups[0].hosts[1]", `"h9"`},
		"a host with itself":  {`{"links":[{"hosts":["h1","h1"]}]}`, "links[0].hosts", "itself"},
		"twice in a group":    {`{"groups":[{"hosts":["h1","h2","h1"]}]}`, "groups[0].hosts[2]", "twice"},
		"one host":            {`{"links":[{"hosts":["h1"]}]}`, "links[0].hosts", "two"},
		"three hosts":         {`{"links":[{"hosts":["h1","h2","h3"]}]}`, "links[0].hosts", "groups"},
		"a group of one":      {`{"groups":[{"hosts":["h1"]}]}`, "groups[0].hosts", "two at least"},
		"no hosts":            {`{"links":[{}]}`, "links[0].hosts", ""},
		"a negative cost":     {`{"links":[{"hosts":["h1","h2"],"cost":-1}]}`, "links[0].cost", "negative"},
		"too dear":            {`{"links":[{"hosts":["h1","h2"],"cost":65536}]}`, "links[0].cost", "65535"},
		"a cost in words":     {`{"links":[{"hosts":["h1","h2"],"cost":"low"}]}`, "links[0].cost", ""},
		"a misspelled member": {`{"link":[]}`, "link", "links"},
		"a host of no name":   {`{"links":[{"hosts":["h1","h 2"]}]}`, "links[0].hosts[1]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := &api{t, a.url, a.server}
			if r := a.refused(400, test.field, "PUT", "/underlay", test.body); !strings.Contains(r.problem.Detail, test.says) {
				t.Errorf("%q does not say %q", r.problem.Detail, test.says)
			}
			field := "underlay." + test.field
			a.refused(400, field, "POST", "/apply", `{"underlay":`+test.body+`}`)
			a.must(404, "GET", "/underlay", "")
		})
	}
}

// Each half of an underlay that is in two keeps working inside, and what does
// not reach what is said.
func TestAnUnderlayInTwo(t *testing.T) {
	a := newAPIWithHosts(t, "h1", "h2", "h3", "h4", "lonely")
	r := a.must(201, "PUT", "/underlay", `{"links":[{"hosts":["h1","h2"]},{"hosts":["h3","h4"]}]}`)
	state := r.json(t)["state"].(map[string]any)
	if state["unreachablePairs"] != 8.0 || !strings.Contains(r.body, `["h1","h3"]`) || strings.Contains(fmt.Sprint(state["unreachable"]), "[h1 h2]") {
		t.Errorf("%s", r.body)
	}
	if !strings.Contains(r.body, `"NoLink"`) || !strings.Contains(r.body, "no other: lonely;") {
		t.Errorf("a host without links is not named: %s", r.body)
	}
}

func TestAWayOfMoreThanSevenRelaysIsNamed(t *testing.T) {
	var hosts, links []string
	for i := range 10 {
		hosts = append(hosts, fmt.Sprintf("h%d", i))
		if i > 0 {
			links = append(links, fmt.Sprintf(`{"hosts":["h%d","h%d"]}`, i-1, i))
		}
	}
	a := newAPIWithHosts(t, hosts...)
	r := a.must(201, "PUT", "/underlay", `{"links":[`+strings.Join(links, ",")+`]}`)
	if !strings.Contains(r.body, `"tooLong":[["h0","h9"]],"tooLongPairs":1`) {
		t.Errorf("%s", r.body)
	}
}

func TestNetworksWithoutRoomForRelaying(t *testing.T) {
	a := newAPIWithHosts(t, "h1", "h2")
	a.must(201, "POST", "/networks", `{"name":"wide","subnet":"10.0.1.0/24"}`)
	a.must(201, "POST", "/networks", `{"name":"large","subnet":"10.0.2.0/24","vni":2097151,"mtu":1400}`)
	a.must(201, "POST", "/networks", `{"name":"fits","subnet":"10.0.3.0/24","vni":2097150,"mtu":1446}`)
	r := a.must(201, "PUT", "/underlay", `{"links":[{"hosts":["h1","h2"]}]}`)
	for _, says := range []string{`"NotRelayed"`, "large;", `"MTUTooLarge"`, "wide (1450, and 1446 gets through)"} {
		if !strings.Contains(r.body, says) {
			t.Errorf("%s does not say %s", r.body, says)
		}
	}
	for name, typ := range map[string]string{"wide": "MTUTooLarge", "large": "NotRelayed", "fits": ""} {
		n := a.must(200, "GET", "/networks/"+name, "")
		if has := strings.Contains(n.body, `"conditions"`); has != (typ != "") || !strings.Contains(n.body, typ) {
			t.Errorf("%s: %s", name, n.body)
		}
	}
	// What is chosen from now on leaves room.
	if n := a.must(201, "POST", "/networks", `{"name":"later","encap":"gre"}`); n.json(t)["mtu"] != 1454.0 || n.json(t)["vni"].(float64) > 2097150 {
		t.Errorf("%s", n.body)
	}
	a.must(204, "DELETE", "/underlay", "")
	if n := a.must(200, "GET", "/networks/wide", ""); strings.Contains(n.body, `"conditions"`) {
		t.Errorf("%s", n.body)
	}
}

func TestTheUnderlayInDocuments(t *testing.T) {
	a := newAPIWithHosts(t, "h1", "h2", "h3")
	r := a.must(200, "POST", "/apply?prune=site", `{"networks":[{"name":"a"}],"underlay":{"links":[{"hosts":["h1","h2"]}]}}`)
	if o := r.json(t); o["underlay"] == nil {
		t.Errorf("%s", r.body)
	}
	a.must(200, "POST", "/apply", `{"networks":[{"name":"b"}]}`) // says nothing of it
	a.must(200, "GET", "/underlay", "")
	a.must(200, "POST", "/apply?prune=site", `{"networks":[{"name":"a"}]}`)
	a.must(404, "GET", "/underlay", "")
}

func TestEncapsulationsAreNeverChanged(t *testing.T) {
	a := newAPI(t)
	for encap, mtu := range map[string]float64{"vxlan": 1450, "geneve": 1450, "gre": 1458} {
		if n := a.must(201, "POST", "/networks", `{"name":"`+encap+`","encap":"`+encap+`"}`); n.json(t)["mtu"] != mtu {
			t.Errorf("%s: %s", encap, n.body)
		}
	}
	a.refused(400, "encap", "POST", "/networks", `{"name":"x","encap":"ipip"}`)
	if r := a.refused(409, "encap", "PUT", "/networks/gre", `{"encap":"vxlan"}`); !strings.Contains(r.problem.Detail, "declare it anew") {
		t.Errorf("%s", r.body)
	}
	a.refused(409, "encap", "POST", "/networks", `{"name":"gre","encap":"geneve"}`)
	a.must(200, "PUT", "/networks/gre", `{"encap":"gre","mtu":1400}`)
}

func TestEndpointsThatAreHosts(t *testing.T) {
	a := newAPIWithHosts(t, "h1", "h2")
	a.must(201, "POST", "/networks", net1)
	const path = "/networks/net1/endpoints"
	for name, test := range map[string]struct {
		body   string
		status int
		field  string
	}{
		"no host":             {`{"kind":"host"}`, 400, "host"},
		"another kind":        {`{"kind":"vm","host":"h1"}`, 400, "kind"},
		"that is a container": {`{"kind":"host","host":"h1","container":"c1"}`, 400, "container"},
	} {
		t.Run(name, func(t *testing.T) {
			(&api{t, a.url, a.server}).refused(test.status, test.field, "POST", path, test.body)
		})
	}
	a.must(201, "POST", path, `{"id":"self","kind":"host","host":"h1","addresses":["10.0.1.1"]}`)
	a.must(200, "POST", path, `{"id":"self","kind":"host","host":"h1","addresses":["10.0.1.1"]}`)
	a.refused(409, "kind", "POST", path, `{"id":"self","host":"h1","addresses":["10.0.1.1"]}`)
	a.refused(409, "host", "POST", path, `{"kind":"host","host":"h1"}`)
	a.must(201, "POST", path, `{"kind":"host","host":"h2"}`)
}

func TestDeletingAHostTakesItsLinks(t *testing.T) {
	a, stop := newAPIWithHostsThatLeave(t, "h1", "h2", "h3")
	a.must(201, "PUT", "/underlay", `{"links":[{"hosts":["h1","h2"]},{"hosts":["h2","h3"]}],"groups":[{"hosts":["h1","h3"]},{"hosts":["h1","h2","h3"]}]}`)
	stop("h3")
	eventually(t, "h3 to be away", func() bool { return a.do("DELETE", "/hosts/h3?dryRun=true", "").status == 200 })
	a.must(200, "GET", "/underlay", "")
	a.must(204, "DELETE", "/hosts/h3", "")
	u := a.must(200, "GET", "/underlay", "")
	if strings.Contains(u.body, "h3") || !strings.Contains(u.body, `"groups":[{"hosts":["h1","h2"],"cost":1}]`) {
		t.Errorf("%s", u.body)
	}
	a.must(200, "PUT", "/underlay", u.body)
}
