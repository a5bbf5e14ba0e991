package flows

import (
	"github.com/weft-sdn/weft/openflow/program"
)

// encapsulate leads the frames of a network to the tunnel port that they need
// on a host.
func (f *Fabric) encapsulate(n *network, h *host) {
	var now *program.Fragment
	if n.Encap != VXLAN && n.parts[h.Number] != absent {
		port := h.TunnelPorts[n.Encap]
		if n.tunnels[port] == nil {
			n.tunnels[port] = n.encap(port)
		}
		now = n.tunnels[port]
	}
	f.set(h.Number, networkKey(KindEncap, n.VNI), now)
}

// Encaps are the encapsulations of which a host needs a tunnel port, in order:
// those of its networks and, where it relays, of all that others may have.
func (f *Fabric) Encaps(number uint32) []Encap {
	var needs [encaps]bool
	if h := f.hosts[number]; h != nil {
		for vni := range h.networks {
			needs[f.networks[vni].Encap] = true
		}
	}
	if f.links[number].relays() {
		for _, n := range f.networks {
			needs[n.Encap] = needs[n.Encap] || len(n.parts) > 1
		}
	}
	var out []Encap
	for e, need := range needs {
		if need {
			out = append(out, Encap(e))
		}
	}
	return out
}
