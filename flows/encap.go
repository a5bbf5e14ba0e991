package flows

import (
	"fmt"
	"slices"

	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// Encap is what the frames of a network are wrapped in between hosts.
type Encap uint8

// The encapsulations.
const (
	VXLAN  Encap = iota // RFC 7348, the default
	Geneve              // RFC 8926
	GRE                 // RFC 2784, with the key of RFC 2890
	encaps
)

func (e Encap) String() string {
	if names := [encaps]string{"vxlan", "geneve", "gre"}; e < encaps {
		return names[e]
	}
	return fmt.Sprintf("encapsulation %d", uint8(e))
}

// TunnelPorts are the numbers of a host's tunnel ports, one an encapsulation; 0
// while there is none.
type TunnelPorts [encaps]uint32

// Encap says of which encapsulation a port is, if it is a tunnel port.
func (p TunnelPorts) Encap(port uint32) (e Encap, is bool) {
	i := slices.Index(p[:], port)
	return Encap(max(i, 0)), i >= 0 && port != 0
}

// tunnel is what depends on the number of a host's tunnel port.
//
// What lets a network's frames in (see [Host.member]) does not ask by which of
// the ports they come. It need not: no two networks have one VNI, whatever their
// encapsulations, so a VNI means the same network in each of them, and a host
// that takes part in it is as trusted by one way as by another. And a network
// whose encapsulation changes loses no frame that is under way.
func (e Encap) tunnel(port uint32) *program.Fragment {
	b := &builder{kind: KindTunnel, owner: uint32(e)}
	b.drop(TableClassify, 50, NotAMember, of.InPort.Uint(uint64(port)))
	if e == VXLAN {
		b.flow(TableDeliver, 100, match(regOut.Uint(outTunnel)), last, of.Output{Port: port})
	}
	return b.fragment()
}

// encap is for networks whose frames do not go through the VXLAN port, but
// through that of another encapsulation; 0: the host has none yet.
func (n Network) encap(port uint32) *program.Fragment {
	b := &builder{kind: KindEncap, vni: n.VNI}
	out := match(b.network(), regOut.Uint(outTunnel))
	if port == 0 {
		b.drop(TableDeliver, 110, NoTunnelPort, out...)
	} else {
		b.flow(TableDeliver, 110, out, last, of.Output{Port: port})
	}
	return b.fragment()
}
