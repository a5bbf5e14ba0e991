package simhost

import (
	"fmt"
	"log/slog"
	"sync"
	"testing"

	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
	"github.com/weft-sdn/weft/openflow/session"
)

// report is a Handler that remembers the last confirmation.
type report struct {
	mu         sync.Mutex
	generation uint64
	refused    []session.Refusal
}

func (r *report) Ready([]of.Port)             {}
func (r *report) PortChanged(of.Port, bool)   {}
func (r *report) PacketIn(*of.PacketIn)       {}
func (r *report) Tampered(program.Difference) {}
func (r *report) Installed(generation uint64, refused []session.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.generation, r.refused = generation, refused
}

// keyed is a fragment of flows, of which one may be bad.
func keyed(owner uint32, flows, bad int, badly of.Action) *program.Fragment {
	fr := &program.Fragment{Key: program.Key{Kind: 7, Owner: owner}}
	for i := range flows {
		does := of.Action(of.ResubmitTo(uint8(i) + 1))
		if i == bad {
			does = badly
		}
		fr.Flows = append(fr.Flows, program.NewFlow(uint8(i), 100, 0xc0de, of.NewMatch(of.Metadata.Uint(uint64(owner))), apply(does)))
	}
	return fr
}

// Whatever of a small bundle is refused, and where in it that is, a session must
// end with the same on both.
func TestASessionLeavesOutTheSameAsOnARealOne(t *testing.T) {
	onBoth(t, func(t *testing.T, c *controlled) []string {
		db := c.database()
		await(t, db, "the tunnel's number", hasPort("weft-vxlan"))
		s, err := session.Accept(t.Context(), c.accept(c.switches), session.Config{Repair: true, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		r := &report{}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = s.Run(t.Context(), r) // it ends with the test
		}()
		defer func() {
			s.Close()
			<-ended
		}()
		var said []string
		state := func(what string, generation uint64) {
			t.Helper()
			waitFor(t, what, func() bool {
				r.mu.Lock()
				defer r.mu.Unlock()
				return r.generation >= generation
			})
			flows, err := s.Dump(t.Context(), of.AllFlows())
			if err != nil {
				t.Fatal(err)
			}
			lines := contents(of.FlowStatsList(flows))
			r.mu.Lock()
			defer r.mu.Unlock()
			said = append(said, fmt.Sprintf("%s: %v refused %v", what, lines, r.refused))
		}
		state("the first", s.Wanted([]*program.Fragment{keyed(1, 3, -1, nil), keyed(2, 2, -1, nil)}))
		const flows = 3
		for at := range flows {
			for _, badly := range []of.Action{
				of.SetField{FieldValue: of.ARPOp.Uint(2)}, // refused when it is added
				of.Group{ID: 4711},                        // when it is committed
			} {
				// One that was right becomes wrong, and another comes with it.
				state(fmt.Sprintf("%v in flow %d", badly, at), s.Update([]program.Change{{Key: keyed(1, 0, 0, nil).Key, Fragment: keyed(1, flows, at, badly)}, {Key: keyed(3, 0, 0, nil).Key, Fragment: keyed(3, 2, -1, nil)}}))
				state("good again", s.Update([]program.Change{{Key: keyed(1, 0, 0, nil).Key, Fragment: keyed(1, flows, -1, nil)}, {Key: keyed(3, 0, 0, nil).Key}}))
			}
		}
		if n := s.Stats().AtOnce.Load(); n < flows {
			t.Errorf("%d bundles were sent with their commit: that is what this is about", n)
		}
		return said
	})
}
