package verify

import (
	"encoding/binary"
	"slices"

	"github.com/weft-sdn/weft/flows"
)

// A fabric is all hosts, ready to send packets through.
type fabric struct {
	hosts     map[uint32]*host
	byVTEP    map[string][]*host
	networks  map[uint32]*network
	endpoints map[uint32][]flows.Endpoint // of networks, by VNI: those that are behind a port
	nics      map[uint32][]flows.Endpoint // as if they were endpoints
	facts     *Facts                      // for the names
}

// A network is what is wanted of one.
type network struct{ flows.Network }

// mayLeave tells whether a packet of a network may come out of a port: at an
// endpoint of the network or of one that its router leads to, or where the
// network has its way out.
func (f *fabric) mayLeave(vni uint32, h *host, port uint32) bool {
	n := f.networks[vni]
	if port != 0 && port == h.GatewayPort {
		return n.isExit(h.Number)
	}
	e := h.behind[port]
	return e != nil && (e.VNI == vni || n.Gateway != nil && slices.Contains(n.Gateway.Peers, e.VNI))
}

// isExit tells whether a host is a way out of the network.
func (n *network) isExit(host uint32) bool {
	return n.Gateway != nil && n.Gateway.Mode.Leaves() && (len(n.Gateway.Hosts) == 0 ||
		slices.ContainsFunc(n.Gateway.Hosts, func(x flows.Exit) bool { return x.Host == host }))
}

// A sweep follows what the endpoints of one network can send, whatever is in
// its headers, and notes the ways and what looks wrong on them.
type sweep struct {
	*fabric
	vni   uint32
	nodes []*node
	index map[string]*node
	queue []*node
	key   []byte
	room  []value // of the state that is at hand: what is kept is copied
}

// A node is a lookup in a table of a host with certain values in the slots
// that matter from there on.
type node struct {
	host  *host
	table uint8
	state state
	to    []edge
	// suspect are the classes of rules that do something wrong here.
	suspect map[*class]bool
	wrong   bool // a suspect class is here, or further on
}

// An edge leads to the lookup that follows.
type edge struct {
	class *class
	node  *node
}

// start is what is known of a packet that comes in by a port.
func start(port uint32) (s state) {
	zero := number(word{})
	s.values = []value{zero, number(small(uint64(port)))}
	for x := range firstHeader {
		s.at[x] = 1
	}
	s.at[slotInPort] = 2
	return s
}

// across is what the receiving host knows of a packet that was sent to it
// through a tunnel. VXLAN carries 24 bits of the tunnel id. The outer source
// is the sender's VTEP, where that is of the receiver's family.
func across(s *state, from, to *host, e flows.Encap) state {
	next := start(to.TunnelPorts[e])
	for x := firstHeader; x < slotPktMark; x++ {
		if s.at[x] != 0 {
			next.put(x, s.get(x))
		}
	}
	id := s.get(slotTunID)
	next.put(slotTunID, number(word{}).replace(64, 0, 24, id.slice(0, 24)))
	src, dst, other := slotTunSrc, slotTunDst, slotTunIPv6Src
	if to.VTEP.Is6() {
		src, dst, other = slotTunIPv6Src, slotTunIPv6Dst, slotTunSrc
	}
	next.put(dst, number(fromBytes(to.VTEP.AsSlice())))
	next.put(other, number(word{}))
	if from.VTEP.IsValid() && from.VTEP.Is4() == to.VTEP.Is4() {
		next.put(src, number(fromBytes(from.VTEP.AsSlice())))
	} else {
		next.put(src, value{kind: unknown})
	}
	next.put(slotTunFlags, value{kind: unknown})
	next.put(slotPktMark, value{kind: unknown})
	return next
}

// destinations are the hosts that an output to the tunnel port goes to; ok is
// false if it is not known where, or to a place that is no host's.
func (f *fabric) destinations(s *state) (to []*host, where string, ok bool) {
	v4, known4 := s.constant(slotTunDst)
	v6, known6 := s.constant(slotTunIPv6Dst)
	switch {
	case !known4 || !known6:
		return nil, "", false
	case v4.zero() && v6.zero():
		return nil, "", true // Open vSwitch drops it
	case v4.zero():
		where = string(v6.bytes(16))
	default:
		where = string(v4.bytes(4))
	}
	return f.byVTEP[where], where, true
}

// run follows everything that endpoints of the network send.
func (s *sweep) run(senders []flows.Endpoint) {
	for _, e := range senders {
		if h := s.hosts[e.Host]; h != nil {
			st := start(e.Port)
			s.enter(nil, nil, h, 0, &st)
		}
	}
	for len(s.queue) > 0 {
		n := s.queue[len(s.queue)-1]
		s.queue = s.queue[:len(s.queue)-1]
		n.classes(func(k *class) {
			s.room = append(s.room[:0], n.state.values...)
			s.do(n, k, k.ops, state{at: n.state.at, values: s.room, owned: true}, 0)
		})
	}
}

// mark finds the nodes from which something suspect is reached.
func (s *sweep) mark() (any bool) {
	from := map[*node][]*node{}
	var queue []*node
	for _, n := range s.nodes {
		n.wrong = len(n.suspect) > 0
		if n.wrong {
			queue = append(queue, n)
		}
		for _, e := range n.to {
			from[e.node] = append(from[e.node], n)
		}
	}
	any = len(queue) > 0
	for len(queue) > 0 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, f := range from[n] {
			if !f.wrong {
				f.wrong = true
				queue = append(queue, f)
			}
		}
	}
	return any
}

// leads tells whether rules of a class lead to something suspect.
func (n *node) leads(k *class) bool {
	if n.suspect[k] {
		return true
	}
	for _, e := range n.to {
		if e.class == k && e.node.wrong {
			return true
		}
	}
	return false
}

// classes are the classes of rules that a packet may match.
func (n *node) classes(yield func(*class)) {
	t := n.host.tables[n.table]
	if t == nil {
		return
	}
	var found []*bucket
	sure := -1
	for _, sig := range t.signatures {
		sig.lookup(&n.state, func(b *bucket) {
			found = append(found, b)
			if n.certain(b) {
				sure = max(sure, b.sure)
			}
		})
	}
	for _, b := range found {
		for _, k := range b.classes {
			if k.priority >= sure {
				yield(k.class)
			}
		}
	}
}

// certain tells whether every packet of the node is for the bucket.
func (n *node) certain(b *bucket) bool {
	var need [8]literal
	for _, l := range b.match {
		if answer, _ := n.state.test(l, need[:0]); answer != yes {
			return false
		}
	}
	return true
}

// enter notes a lookup, and that it is to be followed if it is new.
func (s *sweep) enter(from *node, k *class, h *host, table uint8, st *state) {
	s.key = nodeKey(s.key[:0], h, table, st)
	n := s.index[string(s.key)]
	if n == nil {
		n = &node{host: h, table: table, state: project(st, h.classes.in[table])}
		s.index[string(s.key)] = n
		s.nodes = append(s.nodes, n)
		s.queue = append(s.queue, n)
	}
	if from != nil {
		from.to = append(from.to, edge{k, n})
	}
}

// nodeKey is what tells nodes apart.
func nodeKey(b []byte, h *host, table uint8, st *state) []byte {
	b = append(binary.BigEndian.AppendUint32(b, h.Number), table)
	live := h.classes.in[table]
	for x := range slots {
		if !live.has(x) {
			continue
		}
		v := st.get(x)
		if val, mask := v.known(width[x]); !mask.zero() {
			b = appendWord(appendWord(append(b, byte(x)), mask), val)
		}
	}
	return b
}

// project keeps the constants of the slots that matter; all else is unknown.
func project(st *state, live set) (out state) {
	out.values = []value{{kind: unknown}}
	for x := range slots {
		out.at[x] = 1
		if !live.has(x) {
			continue
		}
		w := width[x]
		v := st.get(x)
		switch val, mask := v.known(w); {
		case mask == ones(w):
			out.put(x, number(val))
		case !mask.zero():
			parts := v.slice(0, w)
			for i := range parts {
				if parts[i].kind == copied {
					parts[i] = part{at: parts[i].at, bits: parts[i].bits, kind: unknown}
				}
			}
			out.put(x, value{kind: mixed, parts: &parts})
		}
	}
	return out
}

// do executes ops on a state.
func (s *sweep) do(n *node, k *class, ops []op, st state, depth int) {
	if depth > maxNesting {
		n.suspected(k)
		return
	}
	for i := range ops {
		switch o := &ops[i]; o.kind {
		case opSet, opMove, opForget, opChoose:
			st.assign(o)
		case opTrack:
			tracked := st.share()
			anyWorld(&tracked, o)
			s.enter(n, k, n.host, uint8(o.n), &tracked)
		case opOutput:
			s.output(n, k, o.n, &st)
		case opOutputReg, opOutputBack:
			v := st.get(o.src.slot)
			p := combine(o.src.bits, v.slice(o.src.lo, o.src.bits))
			if p.kind != constant {
				n.suspected(k)
				continue
			}
			s.output(n, k, uint32(p.word.lo), &st)
		case opGoto:
			s.enter(n, k, n.host, uint8(o.n), &st)
		case opResubmit:
			s.enter(n, k, n.host, uint8(o.n), &st)
			for x := range slots {
				if n.host.classes.mods[o.n].has(x) {
					st.put(x, value{kind: unknown})
				}
			}
		case opGroup:
			if g := n.host.groups[o.n]; g != nil {
				for _, b := range g.buckets {
					s.do(n, k, b, st.share(), depth+1)
				}
			}
		case opClone:
			s.do(n, k, o.ops, st.share(), depth+1)
		case opExit:
			return
		case opStrange:
			n.suspected(k)
		}
	}
}

func (n *node) suspected(k *class) {
	if n.suspect == nil {
		n.suspect = map[*class]bool{}
	}
	n.suspect[k] = true
}

func (s *sweep) output(n *node, k *class, port uint32, st *state) {
	h := n.host
	if e, is := h.TunnelPorts.Encap(port); is {
		to, where, ok := s.destinations(st)
		if !ok || where != "" && to == nil {
			n.suspected(k)
		}
		for _, h2 := range to {
			if h2.TunnelPorts[e] != 0 {
				next := across(st, h, h2, e)
				s.enter(n, k, h2, 0, &next)
			}
		}
		return
	}
	if !s.mayLeave(s.vni, h, port) {
		n.suspected(k)
	}
}

// assign does an op that changes a slot.
func (s *state) assign(o *op) {
	switch o.kind {
	case opSet:
		if o.dst.whole() {
			s.put(o.dst.slot, number(o.word))
			return
		}
		s.write(o.dst, []part{{bits: o.dst.bits, kind: constant, word: o.word}})
	case opMove:
		src := s.get(o.src.slot)
		if o.dst.whole() && o.src.whole() {
			s.put(o.dst.slot, src)
			return
		}
		s.write(o.dst, src.slice(o.src.lo, o.src.bits))
	case opForget, opChoose:
		s.write(o.dst, []part{{bits: o.dst.bits, kind: unknown}})
	}
}
