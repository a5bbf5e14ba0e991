package flows

import (
	"maps"
	"slices"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// Change is a fragment of one host that is no longer as it was; nil stands for
// none.
type Change struct {
	Key           program.Key
	Before, After *program.Fragment
}

// HostChanges are the changes of one host, in the order of their keys.
type HostChanges struct {
	Host    uint32
	Changes []Change
}

// Flush returns what changed since the last Flush, by host, and nothing for
// hosts that are as they were.
func (f *Fabric) Flush() []HostChanges {
	for p := range f.staleGroups {
		f.regroup(p)
	}
	clear(f.staleGroups)
	for p := range f.staleSteers {
		f.steer(p)
	}
	clear(f.staleSteers)
	for number := range f.staleBases {
		f.rebase(number)
	}
	clear(f.staleBases)
	var all []HostChanges
	for _, number := range slices.Sorted(maps.Keys(f.touched)) {
		h := f.hosts[number]
		var changes []Change
		for key, before := range f.touched[number] {
			after := h.wanted[key]
			if before != nil && after != nil && before.Equal(after) {
				h.wanted[key] = before
				continue
			}
			if before != after {
				changes = append(changes, Change{Key: key, Before: before, After: after})
			}
		}
		if len(changes) > 0 {
			slices.SortFunc(changes, func(a, b Change) int { return a.Key.Compare(b.Key) })
			all = append(all, HostChanges{Host: number, Changes: changes})
		}
	}
	clear(f.touched)
	return all
}

// Program is everything that a host shall have, in the order of the keys.
// Call it after Flush.
func (f *Fabric) Program(number uint32) []*program.Fragment {
	h := f.hosts[number]
	if h == nil {
		return nil
	}
	return slices.SortedFunc(maps.Values(h.wanted), func(a, b *program.Fragment) int {
		return a.Key.Compare(b.Key)
	})
}

// rebase gives a host the pipelines of networks with a gateway and with NICs if
// it takes part in one.
func (f *Fabric) rebase(number uint32) {
	h := f.hosts[number]
	if h == nil {
		return
	}
	var gateway, nic *program.Fragment
	for vni := range h.networks {
		if n := f.networks[vni]; n.Gateway != nil {
			gateway = f.gatewayBase
		}
		if len(f.networks[vni].nics) > 0 {
			nic = f.nicBase
		}
	}
	f.set(number, f.gatewayBase.Key, gateway)
	f.set(number, f.nicBase.Key, nic)
}

// regroup builds anew whom broadcasts of a network reach from a host.
func (f *Fabric) regroup(p place) {
	key := program.Key{Kind: uint8(KindGroups), VNI: p.vni}
	n := f.networks[p.vni]
	var machines *program.Fragment
	if n != nil && len(n.nics) > 0 && n.parts[p.host] != absent {
		machines = f.nicGroups(n, p.host)
	}
	f.set(p.host, networkKey(KindNICs, p.vni), machines)
	if n == nil || n.members[p.host] == nil {
		f.set(p.host, key, nil)
		return
	}
	var local, remote []uint32
	for number := range n.members[p.host] {
		if e := f.endpoints[number]; e != nil && e.Port != 0 || f.nics[number].Port != 0 {
			local = append(local, number)
		}
	}
	for m := range n.members {
		if m != p.host && f.hosts[m].VTEP.IsValid() {
			remote = append(remote, m)
		}
	}
	f.set(p.host, key, groups(p.vni, local, remote))
}

// Lines are the changes of a host for people, in the syntax of ovs-ofctl.
func Lines(hc HostChanges) []string {
	var before, after []*program.Fragment
	for _, ch := range hc.Changes {
		if ch.Before != nil {
			before = append(before, ch.Before)
		}
		if ch.After != nil {
			after = append(after, ch.After)
		}
	}
	d := program.Between(before, after)
	return d.Lines(openflow.Names{})
}
