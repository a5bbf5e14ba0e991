package rest

import (
	"strings"
	"testing"
)

func TestTraceIsAskedForInABody(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/networks", net1)
	a.must(201, "POST", "/networks/net1/endpoints", `{"id":"first","addresses":["10.0.1.10"]}`)
	a.refused(400, "from", "POST", "/trace", `{"to":"first"}`)
	a.refused(400, "to", "POST", "/trace", `{"from":"first"}`)
	a.refused(400, "proto", "POST", "/trace", `{"from":"first","to":"first","proto":"smoke"}`)
	a.refused(400, "port", "POST", "/trace", `{"from":"first","to":"first","port":80}`)
	a.refused(400, "form", "POST", "/trace", `{"form":"first","to":"first"}`)
	a.refused(404, "from", "POST", "/trace", `{"from":"nobody","to":"first"}`)
	nowhere := a.refused(409, "from", "POST", "/trace", `{"from":"first","to":"10.0.1.77"}`)
	if !strings.Contains(nowhere.problem.Detail, "iface-id") {
		t.Errorf("who is nowhere is not helped: %s", nowhere.problem.Detail)
	}
}
