package session

import (
	"testing"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// A group that came back otherwise than it was sent would be repaired for ever.
func TestGroupsOfAllTypesComeBackAsTheyWereSent(t *testing.T) {
	watching := func(port uint32, as ...openflow.Action) openflow.Bucket {
		b := openflow.NewBucket(as...)
		b.WatchPort = port
		return b
	}
	heavy := openflow.NewBucket(openflow.ResubmitTo(43))
	heavy.Weight = 100
	o := startOVS(t)
	s, r := o.connect(o.bridge(), Config{Repair: true})
	p := &program.Fragment{Key: program.Key{Kind: 5}, Groups: []program.Group{
		program.NewGroup(0x10<<24|5000, openflow.GroupTypeFastFailover,
			watching(1, openflow.Load{Dst: openflow.Reg[2].All(), Value: 1}, openflow.ResubmitTo(43)),
			watching(2, openflow.ResubmitTo(43)), watching(openflow.PortLocal, openflow.ResubmitTo(43)), watching(4711)),
		program.NewGroup(2, openflow.GroupTypeSelect, heavy, watching(1, openflow.ResubmitTo(44))),
		program.NewGroup(3, openflow.GroupTypeIndirect, openflow.NewBucket(openflow.Group{ID: 2})),
	}}
	r.waitInstalled(t, s.Wanted([]*program.Fragment{p}))
	s.mustHold(t, p)
	if len(r.refused) > 0 || len(r.tampered) > 0 {
		t.Errorf("refused %v, tampered %q", r.refused, r.tampered)
	}
}
