package simhost

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/weft-sdn/weft/openflow"
)

// Switch is the OpenFlow side of a bridge: its flows, groups and ports, and
// the connections to its controllers.
type Switch struct {
	connection func(target string, connected bool) // called when one comes or goes

	mu         sync.Mutex
	datapathID uint64
	flows      map[identity]flow
	groups     map[uint32]group
	meters     map[uint32]openflow.MeterConfig
	ports      map[string]openflow.Port
	lastPort   uint32
	masters    uint64 // generation id that the last master claimed with
	claimed    bool   // there has been a master
	conns      map[*conn]bool
	dialling   map[string]context.CancelFunc // by target
	running    *sync.WaitGroup
}

// identity is what a flow is known by.
type identity struct {
	table    uint8
	priority uint16
	match    string // as it goes over the wire
}

// flow is a flow as the switch keeps it.
type flow struct {
	body       *body
	cookie     uint64
	idle, hard uint16
	flags      uint16
	importance uint16
}

type group struct {
	typ     openflow.GroupType
	buckets string // as they go over the wire
}

func newSwitch(running *sync.WaitGroup) *Switch {
	return &Switch{
		flows: map[identity]flow{}, groups: map[uint32]group{}, meters: map[uint32]openflow.MeterConfig{}, ports: map[string]openflow.Port{},
		conns: map[*conn]bool{}, dialling: map[string]context.CancelFunc{}, running: running,
	}
}

func (s *Switch) setDatapathID(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.datapathID != id {
		s.datapathID = id
		for c := range s.conns {
			c.Close() // as Open vSwitch does, so that nobody takes it for another
		}
	}
}

// dial makes the controllers be those at the targets. The first and the last
// one flush all flows.
func (s *Switch) dial(targets []string, backoff time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for target, stop := range s.dialling {
		if !slices.Contains(targets, target) {
			stop()
			delete(s.dialling, target)
		}
	}
	for _, target := range targets {
		if s.dialling[target] != nil {
			continue
		}
		ctx, stop := context.WithCancel(context.Background())
		s.dialling[target] = stop
		s.running.Go(func() { keepDialling(ctx, target, backoff, s.serving(ctx, target)) })
	}
}

// portNumber is the number of a port, given out when it is asked for first.
func (s *Switch) portNumber(name, bridge string) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.ports[name]; ok {
		return p.Number
	}
	if name == bridge {
		return openflow.PortLocal
	}
	s.lastPort++
	return s.lastPort
}

// setPorts makes the ports be these, and tells the controllers of each change.
func (s *Switch) setPorts(ports map[string]openflow.Port) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, p := range s.ports {
		if _, stays := ports[name]; !stays {
			s.tell(&openflow.PortStatus{Reason: openflow.PortDeleted, Port: p})
		}
	}
	for name, p := range ports {
		was, known := s.ports[name]
		if known {
			p.State = was.State
			ports[name] = p
			continue
		}
		s.tell(&openflow.PortStatus{Reason: openflow.PortAdded, Port: p})
		s.tell(&openflow.PortStatus{Reason: openflow.PortModified, Port: p}) // its link is up
	}
	s.ports = ports
}

// SetAlive has a port be alive or not, as BFD would, and tells the controllers.
func (s *Switch) SetAlive(port string, alive bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.ports[port]
	if !ok {
		return fmt.Errorf("there is no port %s", port)
	}
	if p.State = 0; alive {
		p.State = openflow.PortStateLive
	}
	s.ports[port] = p
	s.tell(&openflow.PortStatus{Reason: openflow.PortModified, Port: p})
	return nil
}

func (s *Switch) tell(m openflow.Message) {
	for c := range s.conns {
		c.send(m, 0)
		_ = c.flush() // a broken connection notices by itself
	}
}

// flush removes everything.
func (s *Switch) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.flows {
		bodies.release(f.body)
	}
	clear(s.flows)
	clear(s.groups)
	clear(s.meters)
}

// Counts are how many flows and groups there are.
func (s *Switch) Counts() (flows, groups int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.flows), len(s.groups)
}

// Flows are the flows in no order.
func (s *Switch) Flows() []openflow.FlowStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]openflow.FlowStats, 0, len(s.flows))
	for id, f := range s.flows {
		match, _, _ := openflow.ParseMatch([]byte(f.body.match()))         // it was parsed
		is, _ := openflow.ParseInstructions([]byte(f.body.instructions())) // when it came
		out = append(out, openflow.FlowStats{
			Table: id.table, Priority: id.priority, Cookie: f.cookie, IdleTimeout: f.idle, HardTimeout: f.hard,
			Flags: f.flags, Importance: f.importance, Match: match, Instructions: is,
		})
	}
	return out
}

// Groups are the groups by number.
func (s *Switch) Groups() []openflow.GroupDesc {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []openflow.GroupDesc
	for id, g := range s.groups {
		buckets, _ := openflow.ParseBuckets([]byte(g.buckets)) // they were parsed when they came
		out = append(out, openflow.GroupDesc{Group: id, GroupType: g.typ, Buckets: buckets})
	}
	slices.SortFunc(out, func(a, b openflow.GroupDesc) int { return cmp.Compare(a.Group, b.Group) })
	return out
}

func compareFlows(a, b openflow.FlowStats) int {
	return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(b.Priority, a.Priority),
		cmp.Compare(a.Match.String(), b.Match.String()))
}
