package rest

import (
	"strings"
	"testing"
)

func TestTheRevisionCountsDeletionsToo(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/networks", `{"name":"net1"}`)
	a.must(201, "POST", "/networks", `{"name":"net2"}`)
	deleted := a.do("DELETE", "/networks/net2", "")
	revision := deleted.header.Get("Weft-Revision")
	if revision == "" {
		t.Fatalf("%d %v", deleted.status, deleted.header)
	}
	if metrics := a.must(200, "GET", "/metrics", "").body; !strings.Contains(metrics, "\nweft_revision "+revision+"\n") {
		t.Errorf("weft_revision is not %s", revision)
	}
}
