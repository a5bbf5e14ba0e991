package openflow

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/internal/ovstest"
)

// A vswitch is an Open vSwitch of the test's own with one bridge, and a plain
// OpenFlow 1.4 connection to it.
type vswitch struct {
	*ovstest.OVS
	t    testing.TB
	conn net.Conn
}

// startVswitch starts one. Ports p1 and veth-2 have the numbers 1 and 2; tables
// 0, 1 and 60 are named.
func startVswitch(t testing.TB) *vswitch {
	t.Helper()
	s := &vswitch{OVS: ovstest.StartDummies(t), t: t}
	s.AddBridge("br0")
	args := []string{
		"--", "add-port", "br0", "p1", "--", "set", "interface", "p1", "type=dummy", "ofport_request=1",
		"--", "add-port", "br0", "veth-2", "--", "set", "interface", "veth-2", "type=dummy", "ofport_request=2",
	}
	for id, name := range tableNames {
		args = append(args, "--", fmt.Sprintf("--id=@t%d", id), "create", "flow_table", "name="+name,
			"--", "set", "bridge", "br0", fmt.Sprintf("flow_tables:%d=@t%d", id, id))
	}
	s.VSCtl(args...)
	var err error
	if s.conn, err = net.Dial("unix", s.Path("br0.mgmt")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.conn.Close() })
	s.send(msgHello, nil)
	s.receive()
	return s
}

var (
	tableNames = map[uint8]string{0: "classify", 1: "from_host", 60: "forward"}
	portNames  = map[uint32]string{1: "p1", 2: "veth-2"}
	testNames  = Names{
		Port:  func(p uint32) string { return portNames[p] },
		Table: func(t uint8) string { return tableNames[t] },
	}
)

// The few messages that these tests need.
const (
	msgHello, msgError, msgFlowMod       = 0, 1, 14
	msgGroupMod, msgBarrier, msgBarrierR = 15, 20, 21
	msgMultipart, msgMultipartReply      = 18, 19
)

func (s *vswitch) send(kind uint8, body []byte) { s.sendAs(1, kind, body) }

func (s *vswitch) sendAs(xid uint32, kind uint8, body []byte) {
	s.t.Helper()
	b := binary.BigEndian.AppendUint16([]byte{5, kind}, uint16(8+len(body)))
	b = binary.BigEndian.AppendUint32(b, xid)
	if _, err := s.conn.Write(append(b, body...)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *vswitch) receive() (kind uint8, xid uint32, body []byte) {
	s.t.Helper()
	var head [8]byte
	if _, err := io.ReadFull(s.conn, head[:]); err != nil {
		s.t.Fatal(err)
	}
	body = make([]byte, int(binary.BigEndian.Uint16(head[2:]))-8)
	if _, err := io.ReadFull(s.conn, body); err != nil {
		s.t.Fatal(err)
	}
	return head[1], binary.BigEndian.Uint32(head[4:]), body
}

// flows sends flows of table 0, each with its index as its priority, after
// emptying the table, and returns which of them were refused, and why.
func (s *vswitch) flows(bodies [][]byte) map[int]string {
	s.t.Helper()
	const del, add = 3, 0
	flowMod := func(command uint8, priority int, body []byte) []byte {
		b := make([]byte, 40, 40+len(body))
		b[17] = command
		binary.BigEndian.PutUint16(b[22:], uint16(priority))
		copy(b[24:], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff") // no buffer, any port, any group
		return append(b, body...)
	}
	s.send(msgFlowMod, flowMod(del, 0, NewMatch().AppendTo(nil)))
	go func() { // the switch does not read on while nobody reads its errors
		for i, body := range bodies {
			s.sendAs(uint32(i), msgFlowMod, flowMod(add, i, body))
		}
		s.send(msgBarrier, nil)
	}()
	refused := map[int]string{}
	for {
		kind, xid, body := s.receive()
		switch kind {
		case msgBarrierR:
			return refused
		case msgError:
			refused[int(xid)] = fmt.Sprintf("error %d/%d", binary.BigEndian.Uint16(body), binary.BigEndian.Uint16(body[2:]))
		}
	}
}

// addGroup adds an empty group, for flows that name it.
func (s *vswitch) addGroup(id uint32) {
	s.send(msgGroupMod, binary.BigEndian.AppendUint32([]byte{0, 0, 0, 0}, id))
}

// dump reads every flow back: what follows the fixed part of each, by priority.
func (s *vswitch) dump() map[int][]byte {
	s.t.Helper()
	const statsFlow, more = 1, 1
	body := make([]byte, 40)
	body[1] = statsFlow
	body[8] = TableAll
	copy(body[12:], "\xff\xff\xff\xff\xff\xff\xff\xff") // any port, any group
	s.send(msgMultipart, append(body, NewMatch().AppendTo(nil)...))
	flows := map[int][]byte{}
	for {
		kind, _, body := s.receive()
		if kind != msgMultipartReply {
			s.t.Fatalf("dump: message of type %d", kind)
		}
		flags := binary.BigEndian.Uint16(body[2:])
		for b := body[8:]; len(b) > 0; {
			n := binary.BigEndian.Uint16(b)
			flows[int(binary.BigEndian.Uint16(b[12:]))] = b[48:n]
			b = b[n:]
		}
		if flags&more == 0 {
			return flows
		}
	}
}

// text is what ovs-ofctl prints of the flows of table 0, by priority: the match
// and the actions.
func (s *vswitch) text(args ...string) map[int]string {
	s.t.Helper()
	out := s.OFCtl("", "dump-flows", "br0", append(args, "--no-stats")...)
	flows := map[int]string{}
	for line := range strings.Lines(out) {
		_, rest, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "priority=")
		if !ok {
			continue
		}
		end := strings.IndexAny(rest, ", ")
		var priority int
		if _, err := fmt.Sscan(rest[:end], &priority); err != nil {
			s.t.Fatalf("%q: %v", line, err)
		}
		flows[priority] = rest[end+1:]
	}
	return flows
}

// flowText is one flow as vswitch.text has it.
func flowText(m Match, is []Instruction, n Names) string {
	return strings.TrimPrefix(m.Format(n)+" actions="+FormatInstructions(is, n), " ")
}
