package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/model"
)

// twoNetworksTopology is a red and a blue network with equal addresses.
const twoNetworksTopology = `
name: colours
underlay:
  segments: {lan: 192.0.2.0/24}
hosts:
  - {name: host1, address: 192.0.2.11/24}
  - {name: host2, address: 192.0.2.12/24}
networks:
  - {name: red, subnets: [10.0.1.0/24, "2001:db8:1::/64"]}
  - {name: blue, subnets: [10.0.1.0/24]}
endpoints:
  - {name: red1, network: red, addresses: [10.0.1.1, "2001:db8:1::1"]}
  - {name: red2, network: red, addresses: [10.0.1.2, "2001:db8:1::2"]}
  - {name: blue1, network: blue, addresses: [10.0.1.1]}
  - {name: blue2, network: blue, addresses: [10.0.1.2]}
containers:
  - {name: red1, host: host1}
  - {name: red2, host: host2}
  - {name: blue1, host: host1}
  - {name: blue2, host: host2}
expect:
  - {from: red1, to: red2, reaches: true}
  - {from: blue1, to: blue2, reaches: true}
`

// A flow that somebody added by hand lets red into blue. With repair it would
// be gone before anybody could ask.
func TestAForeignFlowThatLeaksIsFoundByVerify(t *testing.T) {
	s := up(t, twoNetworksTopology, "--no-repair")
	s.synchronized(soon, "host1", "host2")
	s.provesAll()

	red, blue := s.port("host1", s.Container("red1").Port()), s.port("host1", s.Container("blue1").Port())
	leak := fmt.Sprintf("table=0,priority=999,in_port=%d,udp,tp_dst=4789,actions=output:%d", red.Number, blue.Number)
	s.on("host1", "ovs-ofctl", "add-flow", "br-weft", "cookie=0x99,"+leak)
	v, err := s.api.Verify(s.ctx)
	s.must(err)
	from, to := s.endpoint("red1"), s.endpoint("blue1")
	found := false
	for _, f := range v.Findings {
		if f.Kind != "leak" {
			continue
		}
		found = true
		if f.From != from.ID || f.To != to.ID || f.Host != "host1" || f.Port != blue.Number {
			t.Errorf("it is from %s to %s on %s port %d: %s", f.From, f.To, f.Host, f.Port, f.Text)
		}
		last := f.Way[len(f.Way)-1]
		if !strings.Contains(last.Text, "cookie=0x99,") || !strings.Contains(last.Owner, "somebody else") {
			t.Errorf("the flow is %+v", last)
		}
		// Open vSwitch itself does what the proof says of the packet.
		trace := s.on("host1", "ovs-appctl", "ofproto/trace", "br-weft", f.Packet)
		if !strings.Contains(trace, fmt.Sprintf("output:%d", blue.Number)) {
			t.Errorf("the packet %s goes elsewhere:\n%s", f.Packet, trace)
		}
	}
	if v.Proved || !found {
		t.Errorf("the leak is not found: %+v", v)
	}
	out, err := s.weft("verify")
	if err == nil || !strings.Contains(out, "leak:") || !strings.Contains(out, "cookie=0x99,") {
		t.Errorf("weft verify: %v\n%s", err, out)
	}

	s.on("host1", "ovs-ofctl", "--strict", "del-flows", "br-weft", strings.TrimSuffix(leak[:strings.Index(leak, ",actions")], ","))
	s.provesAll()
}

// provesAll demands a proof, and that it is one about all endpoints.
func (s *site) provesAll() {
	s.t.Helper()
	var v model.Verification
	s.within(10*time.Second, "it is proved", func() (err error) {
		if v, err = s.api.Verify(s.ctx); err == nil && !v.Proved {
			err = fmt.Errorf("%+v", v)
		}
		return err
	})
	endpoints, err := s.api.Endpoints(s.ctx, "")
	s.must(err)
	if v.Endpoints != len(endpoints) || v.Pairs == 0 || v.Flows == 0 || len(v.Assumed) > 0 {
		s.t.Errorf("proved is %+v, of %d endpoints", v, len(endpoints))
	}
	if out, err := s.weft("verify"); err != nil || !strings.HasPrefix(out, "Proved") {
		s.t.Errorf("weft verify: %v\n%s", err, out)
	}
}
