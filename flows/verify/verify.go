package verify

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/weft-sdn/weft/flows"
)

// maxFindings is how many findings of a network are looked for, of leaks and
// of losses.
const maxFindings = 10

// Check proves that what is sent in a network stays in it and arrives, or says
// what stands against it. The work grows with the number of flows of all
// hosts, as long as there is no counterexample.
func Check(ctx context.Context, facts Facts) (*Result, error) {
	f := newFabric(facts)
	result := &Result{}
	for _, h := range facts.Hosts {
		for _, p := range h.Program {
			result.Flows += len(p.Flows)
		}
	}
	networks := slices.SortedFunc(slices.Values(facts.Networks), func(a, b flows.Network) int { return cmp.Compare(a.VNI, b.VNI) })
	members := f.endpoints
	for _, list := range members {
		result.Senders += len(list)
	}

	sweeps := make([]*sweep, len(networks))
	reaches := make([]*reach, len(networks))
	var running sync.WaitGroup
	work := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for i := range work {
				n := networks[i]
				sweeps[i] = &sweep{fabric: f, vni: n.VNI, index: map[string]*node{}}
				sweeps[i].run(f.senders(n.VNI))
				reaches[i] = newReach(f, n, members[n.VNI])
				reaches[i].run()
			}
		})
	}
	var err error
	for i := range networks {
		if err = ctx.Err(); err != nil {
			break
		}
		work <- i
	}
	close(work)
	running.Wait()
	if err != nil {
		return nil, err
	}

	result.Findings, result.More = f.kernels()
	for i, n := range networks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		found, gaveUp := sweeps[i].hunt(f.senders(n.VNI), maxFindings)
		result.Findings = append(append(result.Findings, found...), reaches[i].found...)
		result.More = result.More || len(found) >= maxFindings || reaches[i].more
		if reaches[i].more && len(reaches[i].found) == 0 {
			result.Findings = append(result.Findings, Finding{Kind: Unproved, From: members[n.VNI][0],
				Why: "there are too many pairs of endpoints in this network that have to be followed one by one"})
		}
		result.Pairs += reaches[i].pairs
		result.Exits += reaches[i].exits
		if gaveUp {
			result.Findings = append(result.Findings, Finding{Kind: Unproved, From: f.senders(n.VNI)[0],
				Why: "there are too many ways that a packet of this network can take to follow all of them"})
		}
	}
	return result, nil
}

// senders are those of a network whose packets are followed.
func (f *fabric) senders(vni uint32) []flows.Endpoint {
	return slices.Concat(f.endpoints[vni], f.nics[vni])
}

func newFabric(facts Facts) *fabric {
	f := &fabric{hosts: map[uint32]*host{}, byVTEP: map[string][]*host{}, networks: map[uint32]*network{}, endpoints: map[uint32][]flows.Endpoint{}, nics: map[uint32][]flows.Endpoint{}, facts: &facts}
	for _, n := range facts.Networks {
		f.networks[n.VNI] = &network{n}
	}
	for _, e := range facts.Endpoints {
		if f.networks[e.VNI] == nil { // of a network that is gone
			f.networks[e.VNI] = &network{flows.Network{VNI: e.VNI}}
		}
	}
	compiler, known := newCompiler(), map[liveness]*classes{}
	for _, in := range facts.Hosts {
		h := newHost(compiler, in, known)
		f.hosts[h.Number] = h
		if h.VTEP.IsValid() {
			key := string(h.VTEP.AsSlice())
			f.byVTEP[key] = append(f.byVTEP[key], h)
		}
	}
	for i := range facts.Endpoints {
		e := &facts.Endpoints[i]
		if h := f.hosts[e.Host]; h != nil && e.Port != 0 {
			h.behind[e.Port] = e
			f.endpoints[e.VNI] = append(f.endpoints[e.VNI], *e)
		}
	}
	for _, c := range facts.NICs {
		if h := f.hosts[c.Host]; h != nil && c.Port != 0 {
			// To a proof of isolation, it is an endpoint with many addresses.
			e := flows.Endpoint{Number: c.Number, VNI: c.VNI, Host: c.Host, Port: c.Port}
			h.behind[e.Port] = &e
			f.nics[e.VNI] = append(f.nics[e.VNI], e)
		}
	}
	for _, list := range f.endpoints {
		slices.SortFunc(list, func(a, b flows.Endpoint) int { return cmp.Compare(a.Number, b.Number) })
	}
	return f
}
