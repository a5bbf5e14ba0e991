package underlay

import "slices"

// tree holds the cheapest ways of all hosts to one of them.
type tree struct {
	far  []distance // by host; farAway where there is no way
	next []int32    // by host: its neighbour on the way, -1 for none
}

// distance is the cost of a way, and of ways with one cost the number of links:
// a smaller number is a better way.
type distance uint64

const (
	hopBits = 12
	farAway = distance(1<<63 - 1)
)

func (d distance) over(cost uint32) distance { return d + distance(cost)<<hopBits + 1 }

// hops is how many links lie between a host and the one that the tree leads to.
func (t tree) hops(host int) int {
	if t.far[host] == farAway {
		return 0
	}
	return int(t.far[host] & (1<<hopBits - 1))
}

// concernedBy reports whether the tree may be another with these links.
func (t tree) concernedBy(links []difference) bool {
	return slices.ContainsFunc(links, func(d difference) bool {
		return t.mayUse(d.a, d.b, d) || t.mayUse(d.b, d.a, d)
	})
}

// mayUse reports whether a host went over a link to its neighbour, or will do
// so, or finds it as good as its way.
func (t tree) mayUse(host, neighbour int, d difference) bool {
	if t.next[host] == int32(neighbour) {
		return true
	}
	if d.now == 0 || t.far[neighbour] == farAway {
		return false
	}
	return t.far[neighbour].over(d.now) <= t.far[host]
}

// search computes trees by Dijkstra's algorithm, one after the other.
type search struct{ queue queue }

func (s *search) tree(edges [][]edge, to int) tree {
	t := tree{make([]distance, len(edges)), make([]int32, len(edges))}
	for i := range edges {
		t.far[i], t.next[i] = farAway, -1
	}
	t.far[to] = 0
	s.queue.push(reach(0, to))
	for len(s.queue) > 0 {
		r := s.queue.pop()
		far, host := r.far(), r.host()
		if far > t.far[host] {
			continue
		}
		for _, e := range edges[host] {
			switch far := far.over(e.cost); {
			case far < t.far[e.to]:
				t.far[e.to], t.next[e.to] = far, int32(host)
				s.queue.push(reach(far, e.to))
			case far == t.far[e.to] && int32(host) < t.next[e.to]:
				t.next[e.to] = int32(host)
			}
		}
	}
	return t
}
