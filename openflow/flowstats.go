package openflow

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// FlowStatsRequest asks for the flows that a match, table and cookie select.
type FlowStatsRequest struct {
	Table              uint8
	OutPort, OutGroup  uint32
	Cookie, CookieMask uint64
	Match              Match
}

// AllFlows asks for every flow of the switch.
func AllFlows() *FlowStatsRequest {
	return &FlowStatsRequest{Table: TableAll, OutPort: PortAny, OutGroup: GroupAny}
}

// FlowsByCookie asks for the flows whose cookie equals cookie where mask has
// ones.
func FlowsByCookie(cookie, mask uint64) *FlowStatsRequest {
	r := AllFlows()
	r.Cookie, r.CookieMask = cookie, mask
	return r
}

// Kind returns KindFlow.
func (*FlowStatsRequest) Kind() MultipartKind { return KindFlow }

func (r *FlowStatsRequest) appendBody(b []byte) []byte {
	b = append(b, r.Table, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, r.OutPort)
	b = binary.BigEndian.AppendUint32(b, r.OutGroup)
	b = zeros(b, 4)
	b = binary.BigEndian.AppendUint64(b, r.Cookie)
	b = binary.BigEndian.AppendUint64(b, r.CookieMask)
	return r.Match.AppendTo(b)
}

func decodeFlowStatsRequest(d *decoder) *FlowStatsRequest {
	r := &FlowStatsRequest{Table: d.u8()}
	d.skip(3)
	r.OutPort, r.OutGroup = d.u32(), d.u32()
	d.skip(4)
	r.Cookie, r.CookieMask = d.u64(), d.u64()
	r.Match = d.match()
	return r
}

// FlowStats is a flow as a switch has it, with its counters.
type FlowStats struct {
	Table                    uint8
	DurationSec              uint32
	DurationNsec             uint32
	Priority                 uint16
	IdleTimeout, HardTimeout uint16
	Flags, Importance        uint16
	Cookie                   uint64
	Packets, Bytes           uint64
	Match                    Match
	Instructions             []Instruction
}

// EncodedFlowStats is a FlowStats whose match and instructions are still the
// bytes of the reply, for whoever only compares them.
type EncodedFlowStats struct {
	FlowStats           // without Match and Instructions
	MatchBytes   []byte // with header and padding
	Instructions []byte
}

// flowStatsFixed is the length of a flow before its match.
const flowStatsFixed = 48

// EachFlow calls f for every flow of the body of a flow statistics reply. The
// bytes are parts of body, and the flow itself is the same one every time.
func EachFlow(body []byte, f func(*EncodedFlowStats)) error {
	d := &decoder{b: body}
	var s EncodedFlowStats
	d.entries(0, flowStatsFixed+8, func(e *decoder) {
		s = decodeEncodedFlow(e)
		if e.err == nil {
			f(&s)
		}
	})
	return d.err
}

func decodeEncodedFlow(e *decoder) EncodedFlowStats {
	e.skip(2)
	var s EncodedFlowStats
	s.Table = e.u8()
	e.skip(1)
	s.DurationSec, s.DurationNsec = e.u32(), e.u32()
	s.Priority, s.IdleTimeout, s.HardTimeout = e.u16(), e.u16(), e.u16()
	s.Flags, s.Importance = e.u16(), e.u16()
	e.skip(2)
	s.Cookie, s.Packets, s.Bytes = e.u64(), e.u64(), e.u64()
	s.MatchBytes = e.matchBytes()
	s.Instructions = e.b
	return s
}

// matchBytes returns an ofp_match with its padding, undecoded.
func (d *decoder) matchBytes() []byte {
	if d.err != nil || len(d.b) < 4 {
		d.fail("%d bytes left, too few for a match", len(d.b))
		return nil
	}
	n := int(binary.BigEndian.Uint16(d.b[2:]))
	if n < 4 {
		d.fail("match of length %d, shorter than its header", n)
		return nil
	}
	return d.next((n + 7) &^ 7)
}

// Decode decodes match and instructions.
func (s *EncodedFlowStats) Decode() (FlowStats, error) {
	f := s.FlowStats
	d := &decoder{b: s.MatchBytes}
	f.Match = d.match()
	d.b = s.Instructions
	f.Instructions = d.instructions()
	return f, d.err
}

func (f *FlowStats) appendTo(b []byte) []byte {
	start := len(b)
	b = append(b, 0, 0, f.Table, 0)
	b = binary.BigEndian.AppendUint32(b, f.DurationSec)
	b = binary.BigEndian.AppendUint32(b, f.DurationNsec)
	b = binary.BigEndian.AppendUint16(b, f.Priority)
	b = binary.BigEndian.AppendUint16(b, f.IdleTimeout)
	b = binary.BigEndian.AppendUint16(b, f.HardTimeout)
	b = binary.BigEndian.AppendUint16(b, f.Flags)
	b = binary.BigEndian.AppendUint16(b, f.Importance)
	b = zeros(b, 2)
	b = binary.BigEndian.AppendUint64(b, f.Cookie)
	b = binary.BigEndian.AppendUint64(b, f.Packets)
	b = binary.BigEndian.AppendUint64(b, f.Bytes)
	b = f.Match.AppendTo(b)
	return closeEntry(AppendInstructions(b, f.Instructions), start, 0)
}

// FlowStatsList is the body of a flow statistics reply.
type FlowStatsList []FlowStats

// Kind returns KindFlow.
func (FlowStatsList) Kind() MultipartKind { return KindFlow }

func (fs FlowStatsList) appendBody(b []byte) []byte {
	for i := range fs {
		b = fs[i].appendTo(b)
	}
	return b
}

func decodeFlowStatsReply(d *decoder) FlowStatsList {
	var fs FlowStatsList
	d.entries(0, flowStatsFixed+8, func(e *decoder) {
		s := decodeEncodedFlow(e)
		if e.err != nil {
			return
		}
		f, err := s.Decode()
		if err != nil {
			e.fail("flow in table %d: %w", f.Table, err)
		}
		fs = append(fs, f)
	})
	return fs
}

// defaultPriority is the priority that ovs-ofctl neither wants nor prints.
const defaultPriority = 32768

// Format returns the flow as a line of `ovs-ofctl -O OpenFlow14 dump-flows`,
// without the space that such lines begin with.
func (f *FlowStats) Format(n Names) string {
	var s strings.Builder
	fmt.Fprintf(&s, "cookie=0x%x, duration=%s, table=%s, n_packets=%d, n_bytes=%d, ",
		f.Cookie, formatDuration(f.DurationSec, f.DurationNsec), tableText(f.Table, n), f.Packets, f.Bytes)
	f.formatTail(&s, n)
	return s.String()
}

// FormatWithoutStats returns the flow as `ovs-ofctl --no-stats dump-flows`
// prints it: the form that `ovs-ofctl add-flow` takes again.
func (f *FlowStats) FormatWithoutStats(n Names) string {
	var s strings.Builder
	if f.Cookie != 0 {
		fmt.Fprintf(&s, "cookie=0x%x, ", f.Cookie)
	}
	if f.Table != 0 {
		fmt.Fprintf(&s, "table=%s, ", tableText(f.Table, n))
	}
	f.formatTail(&s, n)
	return s.String()
}

// formatTail writes what stands behind the counters.
func (f *FlowStats) formatTail(s *strings.Builder, n Names) {
	if f.IdleTimeout != 0 {
		fmt.Fprintf(s, "idle_timeout=%d, ", f.IdleTimeout)
	}
	if f.HardTimeout != 0 {
		fmt.Fprintf(s, "hard_timeout=%d, ", f.HardTimeout)
	}
	for i, name := range flowFlagNames {
		if f.Flags&(1<<i) != 0 {
			s.WriteString(name + " ")
		}
	}
	if f.Importance != 0 {
		fmt.Fprintf(s, "importance=%d, ", f.Importance)
	}
	match := f.Match.Format(n)
	switch {
	case f.Priority != defaultPriority && match != "":
		fmt.Fprintf(s, "priority=%d,%s ", f.Priority, match)
	case f.Priority != defaultPriority:
		fmt.Fprintf(s, "priority=%d ", f.Priority)
	case match != "":
		s.WriteString(match + " ")
	}
	s.WriteString("actions=" + FormatInstructions(f.Instructions, n))
}

// flowFlagNames are the names of the flags of a flow, lowest bit first.
var flowFlagNames = [...]string{"send_flow_rem", "check_overlap", "reset_counts", "no_packet_counts", "no_byte_counts"}

// formatDuration prints seconds with as many decimals as say something, as
// ovs-ofctl does.
func formatDuration(sec, nsec uint32) string {
	if nsec == 0 {
		return fmt.Sprintf("%ds", sec)
	}
	return fmt.Sprintf("%d.%ss", sec, strings.TrimRight(fmt.Sprintf("%09d", nsec), "0"))
}
