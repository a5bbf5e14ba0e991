package flows

import (
	"strconv"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/internal/ovstest"
	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// Open vSwitch takes every program, and shows all of it to who does not know
// of OpenFlow 1.4.
func TestOpenVSwitchTakesEveryProgram(t *testing.T) {
	ovs := ovstest.Start(t)
	ovs.AddBridge("br-weft")
	everyHost(func(name string, fragments []*program.Fragment) {
		var flows, groups strings.Builder
		count := 0
		for _, fr := range fragments {
			for _, f := range fr.Flows {
				flows.WriteString(f.Format(openflow.Names{}) + "\n")
				count++
			}
			for _, g := range fr.Groups {
				groups.WriteString(g.Format(openflow.Names{}) + "\n")
			}
		}
		ovs.OFCtl("", "del-groups", "br-weft")
		ovs.OFCtl("", "del-flows", "br-weft")
		ovs.OFCtl(groups.String(), "add-groups", "br-weft", "-")
		ovs.OFCtl(flows.String(), "add-flows", "br-weft", "-")
		plain := ovs.Run("", "ovs-ofctl", "dump-flows", "unix:"+ovs.Path("br-weft.mgmt"))
		if got := strings.Count(plain, "duration="); got != count {
			t.Errorf("%s: a plain dump shows %d of %d flows", name, got, count)
		}
		if got := strings.Count(ovs.OFCtl("", "dump-groups", "br-weft"), "group_id="); got != strings.Count(groups.String(), "\n") {
			t.Errorf("%s: %d groups of %d", name, got, strings.Count(groups.String(), "\n"))
		}
	})
}

// What the controller answers, it knows from the cookie and the registers that
// come with the packet.
func TestWhatIsAskedStandsInThePacketIn(t *testing.T) {
	known := openflow.NewMatch(openflow.InPort.Uint(12), openflow.Metadata.Uint(256), regFrom.Uint(2))
	for cookie, want := range map[uint64]Ask{
		Cookie(KindGatewayBase, Version, 0, TTLExceeded):  {TTLExceeded, 256, 2},
		Cookie(KindGatewayBase, Version, 0, PacketTooBig): {PacketTooBig, 256, 2},
		Cookie(KindGatewayBase, Version, 0, NoRoute):      {},
		Cookie(KindAdopt, 2, 256, NoDrop):                 {},
		Cookie(KindAdopt, 2, 256, TTLExceeded):            {},
	} {
		got, is := AskOf(cookie, known)
		if got != want || is != (want != Ask{}) {
			t.Errorf("cookie %#x: %+v, %v, want %+v", cookie, got, is, want)
		}
	}
	if got, is := AskOf(Cookie(KindGatewayBase, Version, 0, TTLExceeded), nil); !is || got != (Ask{Reason: TTLExceeded}) {
		t.Errorf("a packet from a tunnel: %+v, %v", got, is)
	}
	if s := openflow.FormatActions(Tell(256), openflow.Names{}); s != "set_field:0x100->metadata,resubmit(,"+strconv.Itoa(TableNeighbour)+")" {
		t.Errorf("an answer goes by %s", s)
	}
}
