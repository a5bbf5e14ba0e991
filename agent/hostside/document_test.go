package hostside

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/agent/hosttest"
)

// byHand are the commands of the document: those that make a gateway, and those
// that take it away.
func byHand(t *testing.T) (setUp, takeAway string) {
	t.Helper()
	_, text, _ := strings.Cut(file(t, "../../docs/gateways.md"), "\n## By hand\n")
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(text, -1)
	if len(blocks) != 5 {
		t.Fatalf("the document has %d blocks of commands", len(blocks))
	}
	for _, b := range blocks[:4] {
		setUp += b[1]
	}
	return setUp, blocks[4][1]
}

// A host without the agent is set up by the documented commands exactly as the
// agent does it, and they take exactly that away.
func TestDocumentedCommandsDoWhatTheAgentDoes(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	h := newHost(t)
	hosttest.Shell(t, docker+"; echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
	setUp, takeAway := byHand(t)
	before := snapshot(t)

	hosttest.Shell(t, setUp)
	hand := snapshot(t)
	handles := hosttest.Run(t, "nft", "-a", "list", "ruleset")
	g := parsed(t, externalIDs())
	apply(t, h, g)
	if diff := cmp.Diff(hand, snapshot(t)); diff != "" {
		t.Errorf("the agent found something to change: - by hand, + by the agent:\n%s", diff)
	}
	if diff := cmp.Diff(handles, hosttest.Run(t, "nft", "-a", "list", "ruleset")); diff != "" {
		t.Errorf("the agent made anew what was there:\n%s", diff)
	}
	hosttest.Shell(t, takeAway)
	if diff := cmp.Diff(before, snapshot(t)); diff != "" {
		t.Errorf("- before, + taken away by hand:\n%s", diff)
	}

	apply(t, h, g)
	if diff := cmp.Diff(hand, snapshot(t)); diff != "" {
		t.Errorf("- by hand, + by the agent:\n%s", diff)
	}
	hosttest.Shell(t, takeAway)
	if diff := cmp.Diff(before, snapshot(t)); diff != "" {
		t.Errorf("- before, + the agent's taken away by hand:\n%s", diff)
	}
	hosttest.Shell(t, setUp+setUp) // a second time does no harm, but for the rules in Docker's chain
	if err := h.Remove(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, snapshot(t)); diff != "" {
		t.Errorf("- before, + what was made by hand, taken away by the agent:\n%s", diff)
	}
}
