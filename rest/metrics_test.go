package rest

import (
	"strings"
	"testing"
)

// metric is the line of a metric without labels.
func (a *api) metric(name string) string {
	a.t.Helper()
	for line := range strings.Lines(a.must(200, "GET", "/metrics", "").body) {
		if strings.HasPrefix(line, name+" ") {
			return strings.TrimSpace(line)
		}
	}
	a.t.Fatalf("there is no metric %s", name)
	return ""
}

func TestTheRevisionCountsDeletionsToo(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/networks", `{"name":"net1"}`)
	a.must(201, "POST", "/networks", `{"name":"net2"}`)
	created := a.metric("weft_revision")
	a.must(204, "DELETE", "/networks/net2", "")
	if deleted := a.metric("weft_revision"); deleted == created {
		t.Errorf("%s before and after a deletion", created)
	}
}
