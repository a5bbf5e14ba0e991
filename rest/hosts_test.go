package rest

import (
	"testing"

	"github.com/weft-sdn/weft/model"
)

func TestPlainTextIsForThoseWhoPreferIt(t *testing.T) {
	for accept, want := range map[string]bool{
		"":                                   false,
		"*/*":                                false,
		"application/json":                   false,
		"text/plain":                         true,
		"text/plain; charset=utf-8":          true,
		"text/plain, */*":                    true,
		"text/plain, */*;q=0.1":              true,
		"application/json, text/plain, */*":  false,
		"text/plain;q=0.5, application/json": false,
		"text/plain, application/json;q=0.5, */*": true,
		"text/plain;q=0":       false,
		"text/plain;q=x":       false,
		"text/html, */*;q=0.8": false,
	} {
		if got := prefersText([]string{accept}); got != want {
			t.Errorf("Accept: %s: %v, want %v", accept, got, want)
		}
	}
}

func TestPlainFlowsAreLinesOfOvsOfctl(t *testing.T) {
	flow := model.HostFlow{Text: "table=0,priority=1,actions=drop", Owner: "nobody"}
	if got := line(flow); got != "table=0,priority=1,actions=drop\n" {
		t.Errorf("%q", got)
	}
	flow.Sign = "-"
	if got := line(flow); got != "- table=0,priority=1,actions=drop\n" {
		t.Errorf("%q", got)
	}
}
