package underlay

import "slices"

// MaxCost bounds the cost of a link, so that the cost of a way over all hosts
// fits into 28 bits.
const MaxCost = 1<<16 - 1

// Link joins two hosts, both ways.
type Link struct {
	A, B uint32
	Cost uint32 // 1 to MaxCost
}

// pair names a link, whichever end is said first.
type pair struct{ low, high uint32 }

func (l Link) pair() pair { return pair{min(l.A, l.B), max(l.A, l.B)} }

// cheapest makes one of links that join the same hosts, and forgets those of a
// host with itself.
func cheapest(links []Link) map[pair]uint32 {
	costs := make(map[pair]uint32, len(links))
	for _, l := range links {
		if l.A == l.B {
			continue
		}
		if c, has := costs[l.pair()]; !has || l.Cost < c {
			costs[l.pair()] = l.Cost
		}
	}
	return costs
}

// Mesh are the links among hosts that all see each other.
func Mesh(cost uint32, hosts ...uint32) []Link {
	var links []Link
	for i, a := range hosts {
		for _, b := range hosts[i+1:] {
			links = append(links, Link{a, b, cost})
		}
	}
	return links
}

// hostsOf are the hosts that have a link, in order.
func hostsOf(costs map[pair]uint32) []uint32 {
	var hosts []uint32
	for p := range costs {
		hosts = append(hosts, p.low, p.high)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}
