package e2e

import (
	"fmt"
	"testing"

	"github.com/weft-sdn/weft/model"
)

// joined brings up an installation whose hosts have all joined by the line that
// weft token prints, and by nothing else.
func joined(t *testing.T, topology string, controllerArgs ...string) *site {
	t.Helper()
	s := build(t, topology, controllerArgs...)
	for _, h := range s.Hosts() {
		s.must(h.Join(s.ctx))
	}
	for _, h := range s.Hosts() {
		s.within(soon, h.Name+" gossips", s.gossip(h.Name, model.GossipAlive))
	}
	return s
}

// gossip says whether a host's agent is seen so.
func (s *site) gossip(host, state string) func() error {
	return func() error {
		h, err := s.api.Host(s.ctx, host)
		if err != nil {
			return err
		}
		if h.Gossip != state {
			return fmt.Errorf("gossip %s", h.Gossip)
		}
		return nil
	}
}

func TestHostsJoinByOneLine(t *testing.T) {
	s := joined(t, pairTopology)
	s.synchronized(soon, "host1", "host2")
	s.must(s.Declare(s.ctx))
	s.must(s.PlugAll(s.ctx))
	s.check()
}
