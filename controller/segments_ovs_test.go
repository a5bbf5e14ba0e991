package controller_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/weft-sdn/weft/controller"
	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
)

// segment carries what the NIC eth1 of one host sends to that of another, as a
// wire between the two would, until the test says stop.
func (s *site) segment(from, to int) (stop func()) {
	sent := s.record(from, "eth1")
	ended, end := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		done := len(sent())
		for {
			select {
			case <-end:
				return
			case <-time.After(20 * time.Millisecond):
			}
			b := sent()
			if at := bytes.LastIndex(b, flows.ProbeMAC[:]); at >= done && at+60 <= len(b) {
				done = len(b)
				s.send(to, "eth1", b[at:at+60])
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}

func TestOfTwoNICsOfOneSegmentOneTakesPart(t *testing.T) {
	s := newSite(t, 2)
	s.network("net1", "10.0.1.0/24", nil)
	nic := func(host string) {
		t.Helper()
		if _, _, err := s.c.PutNIC(t.Context(), model.NIC{Host: host, Interface: "eth1", Network: "net1"}, controller.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	standsBy := func(host string, because string) func() bool {
		return func() bool {
			n, err := s.c.NIC(host, "eth1")
			for _, c := range n.Conditions {
				if err == nil && c.Type == model.StandsBy {
					return because != "" && bytes.Contains([]byte(c.Message), []byte(because))
				}
			}
			return err == nil && because == ""
		}
	}
	nic("host1")
	s.becomes(1, "eth1", "error", "")
	nic("host2")
	s.becomes(2, "eth1", "error", "")
	if !standsBy("host2", "being found out")() {
		t.Error("the second takes part before it is known that it may")
	}
	cut := s.segment(2, 1)
	eventually(t, "the second to stand by", standsBy("host2", "interface eth1 of host host1"))
	s.restart()
	time.Sleep(4 * time.Second) // it would have taken part by now
	if !standsBy("host2", "interface eth1 of host host1")() || !standsBy("host1", "")() {
		t.Error("the second takes part")
	}
	cut()
	eventually(t, "the second to take part", standsBy("host2", ""))

	// The segments are joined again.
	cut = s.segment(2, 1)
	defer cut()
	eventually(t, "the second to stand by again", standsBy("host2", "interface eth1 of host host1"))

	// The first goes, and the second takes over.
	if _, err := s.c.DeleteNIC(t.Context(), "host1", "eth1", controller.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second to take over", standsBy("host2", ""))
}
