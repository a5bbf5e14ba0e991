package flows

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/internal/ovstest"
	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
	"github.com/weft-sdn/weft/openflow/session"
)

// Open vSwitch takes every program, holds it as it is, to the byte, and shows
// all of it to who does not know of OpenFlow 1.4.
func TestOpenVSwitchHoldsEveryProgramAsItIs(t *testing.T) {
	ovs := ovstest.StartDummies(t)
	ovs.AddBridge("br-weft")
	conn, err := net.Dial("unix", ovs.Path("br-weft.mgmt"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := session.Accept(ctx, conn, session.Config{Logger: slog.New(slog.DiscardHandler), GroupCheck: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	done := make(installed)
	go s.Run(ctx, done)
	everyHost(func(name string, fragments []*program.Fragment) {
		want := s.Wanted(fragments)
		for got := uint64(0); got < want; {
			select {
			case c := <-done:
				got = c.generation
				for _, r := range c.refused {
					t.Errorf("%s: refused: %s: %v", name, r.Subject, r.Err)
				}
			case <-ctx.Done():
				t.Fatalf("%s: not installed: %v", name, ctx.Err())
			}
		}
		c := program.NewComparison(fragments)
		if err := s.ReadBack(ctx, c); err != nil {
			t.Fatal(err)
		}
		if d := c.Difference(); !d.Empty() {
			t.Errorf("%s: what is dumped is not what was sent:\n%s", name, strings.Join(d.Lines(names), "\n"))
		}
		flows := 0
		for _, fr := range fragments {
			flows += len(fr.Flows)
		}
		plain := ovs.Run("", "ovs-ofctl", "dump-flows", "unix:"+ovs.Path("br-weft.mgmt"))
		if got := strings.Count(plain, "duration="); got != flows {
			t.Errorf("%s: a plain dump shows %d of %d flows", name, got, flows)
		}
	})
}

// installed is a session's handler that passes on what was confirmed.
type installed chan confirmed

type confirmed struct {
	generation uint64
	refused    []session.Refusal
}

func (c installed) Installed(generation uint64, refused []session.Refusal) {
	c <- confirmed{generation, refused}
}

func (installed) Ready([]openflow.Port)           {}
func (installed) PortChanged(openflow.Port, bool) {}
func (installed) PacketIn(*openflow.PacketIn)     {}
func (installed) Tampered(program.Difference)     {}

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
