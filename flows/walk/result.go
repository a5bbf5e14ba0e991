package walk

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/flows"
	of "github.com/weft-sdn/weft/openflow"
)

// Outcome is how a packet, or a copy of it, ends.
type Outcome int

// The outcomes.
const (
	Sent         Outcome = iota // out of a port that is no tunnel, and leads to no kernel
	Dropped                     // by a switch
	ToController                // shown to the controller
	Lost                        // between hosts
	ToKernel                    // leaves through a host's kernel
)

// End is where a packet, or a copy of it, ends.
type End struct {
	Outcome Outcome
	Host    string // where it was last
	Port    uint32
	Packet  Packet        // as it was then
	Flow    *of.FlowStats // that acted last, nil if none did
	Why     string        // of Dropped and Lost, where the flow does not say it

	after int // so many steps
}

// Step is a switch at work.
type Step struct {
	Host   string
	Depth  int           // of tables within tables
	Packet *Packet       // that comes in, where a step is the arrival at a host
	Table  uint8         // that a packet is looked up in
	Flow   *of.FlowStats // that takes it, nil if none does
	Note   string        // what happens, where it is no look-up
}

// Result is what became of a packet.
type Result struct {
	Steps []Step
	Ends  []End
	// Err is set where the walk could not go on, because the walker does not
	// know what a switch would do. Then there may be other ends.
	Err error
}

// Count says how many copies ended so.
func (r *Result) Count(o Outcome) int {
	n := 0
	for _, e := range r.Ends {
		if e.Outcome == o {
			n++
		}
	}
	return n
}

// Reason is why the packet was dropped, as far as Weft's flows say it.
func (e *End) Reason() flows.Reason {
	if e.Outcome != Dropped || e.Flow == nil {
		return flows.NoDrop
	}
	_, _, _, reason := flows.SplitCookie(e.Flow.Cookie)
	return reason
}

// Words puts names to numbers in the text of a result. Any of them may be nil.
type Words struct {
	Names   of.Names
	Explain func(cookie uint64) string
	Port    func(host string, port uint32) string // who is behind it
}

func (w Words) explain(cookie uint64) string {
	if w.Explain == nil {
		return flows.ExplainCookie(cookie).Text
	}
	return w.Explain(cookie)
}

func (w Words) port(host string, port uint32) string {
	text := fmt.Sprintf("port %d of host %s", port, host)
	if port == of.PortLocal {
		text = fmt.Sprintf("host %s itself (its bridge's local port)", host)
	}
	if w.Port != nil {
		if name := w.Port(host, port); name != "" {
			return name + " (" + text + ")"
		}
	}
	return text
}

// EndsAfter are the ends that a step led to.
func (r *Result) EndsAfter(step int) []End {
	return slices.Collect(func(yield func(End) bool) {
		for _, e := range r.Ends {
			if e.after == step+1 && !yield(e) {
				return
			}
		}
	})
}

// Text tells what became of the packet step by step: flows in the syntax of
// ovs-ofctl, each with what it is for.
func (r *Result) Text(w Words) string {
	var b strings.Builder
	for i, s := range r.Steps {
		indent := strings.Repeat("  ", s.Depth+1)
		if s.Packet != nil {
			indent = ""
		}
		fmt.Fprintf(&b, "%s%s\n", indent, s.Text(w))
		if s.Flow != nil {
			fmt.Fprintf(&b, "%s    # %s\n", indent, w.explain(s.Flow.Cookie))
		}
		for _, e := range r.EndsAfter(i) {
			fmt.Fprintf(&b, "%s=> %s\n", indent, e.Text(w))
		}
	}
	b.WriteString(r.Verdict(w))
	return b.String()
}

// Text is the step on a line.
func (s *Step) Text(w Words) string {
	switch {
	case s.Packet != nil:
		return fmt.Sprintf("host %s: %s", s.Host, s.Packet.Fields().Format(w.Names))
	case s.Note != "":
		return s.Note
	case s.Flow == nil:
		return fmt.Sprintf("table %d: no flow", s.Table)
	}
	return s.Flow.FormatWithoutStats(w.Names)
}

// Text says in words how the packet ended.
func (e *End) Text(w Words) string {
	switch e.Outcome {
	case Sent:
		return "delivered to " + w.port(e.Host, e.Port)
	case ToController:
		return fmt.Sprintf("shown to the controller by host %s", e.Host)
	case Lost:
		return "lost: " + e.Why
	case ToKernel:
		return fmt.Sprintf("leaves through the kernel of host %s (port %d) as %v", e.Host, e.Port, e.Packet.Fields().Format(w.Names))
	}
	switch {
	case e.Why != "":
		return fmt.Sprintf("dropped on host %s: %s", e.Host, e.Why)
	case e.Reason() != flows.NoDrop:
		return fmt.Sprintf("dropped on host %s because %s", e.Host, flows.ExplainCookie(e.Flow.Cookie).Reason)
	}
	return fmt.Sprintf("dropped on host %s by a flow that does nothing with it", e.Host)
}

// Verdict says in a line or a few where the packet came out.
func (r *Result) Verdict(w Words) string {
	var b strings.Builder
	for _, e := range r.Ends {
		fmt.Fprintln(&b, e.Text(w))
	}
	if r.Err != nil {
		fmt.Fprintf(&b, "not known how it goes on: %v\n", r.Err)
	}
	return b.String()
}
