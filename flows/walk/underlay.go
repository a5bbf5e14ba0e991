package walk

import (
	"fmt"
	"net/netip"

	"github.com/weft-sdn/weft/flows"
	of "github.com/weft-sdn/weft/openflow"
)

// Host is a switch and where it is.
type Host struct {
	Name        string
	Switch      *Switch
	VTEP        netip.Addr // from where its tunnel ports send, and where those receive
	TunnelPorts flows.TunnelPorts
	// GatewayPort leads to the host's kernel, which routes what comes out of it;
	// 0: none. What the kernel hands in comes in there.
	GatewayPort uint32
	Down        bool // it forwards nothing
	CutOff      bool // it forwards, and nothing passes between it and others
}

// Underlay connects hosts: what a host sends to an address arrives at the host
// that has it.
type Underlay struct {
	hosts map[string]*Host
	vteps map[netip.Addr]*Host
	// Missing, where it is set, is asked for a host that was not added, by its
	// name or its VTEP. It returns nil if there is none.
	Missing func(name string, vtep netip.Addr) (*Host, error)
}

// NewUnderlay connects hosts.
func NewUnderlay(hosts ...*Host) *Underlay {
	u := &Underlay{hosts: map[string]*Host{}, vteps: map[netip.Addr]*Host{}}
	for _, h := range hosts {
		u.Add(h)
	}
	return u
}

// Add connects a host. Two of one VTEP are refused: who gets what is sent there
// is not for us to say.
func (u *Underlay) Add(h *Host) {
	if other := u.vteps[h.VTEP]; other != nil && other.Name != h.Name {
		panic(fmt.Sprintf("walk: hosts %s and %s have one VTEP", other.Name, h.Name))
	}
	u.hosts[h.Name] = h
	if h.VTEP.IsValid() {
		u.vteps[h.VTEP] = h
	}
}

// maxCrossings is how often one packet may go from host to host before it is
// taken for one that goes in circles: by 7 relays.
const maxCrossings = 8

// arrival is a packet that comes in at a host.
type arrival struct {
	host      *Host
	p         Packet
	crossings int
}

// Walk has a packet come in at a port of a host and follows it, and every copy
// of it, to where it ends.
func (u *Underlay) Walk(host string, port uint32, p Packet) Result {
	var result Result
	h, err := u.called(host)
	if h == nil && err == nil {
		err = fmt.Errorf("there is no host %q", host)
	}
	if err != nil {
		result.Err = err
		return result
	}
	p = p.parsed()
	p.setInPort(port)
	waiting := []arrival{{host: h, p: p}}
	for len(waiting) > 0 && result.Err == nil {
		next := waiting[0]
		waiting = waiting[1:]
		waiting = append(waiting, u.visit(next, &result)...)
	}
	return result
}

// visit has a host's switch take in a packet, and returns what arrives at other
// hosts because of that.
func (u *Underlay) visit(a arrival, result *Result) (next []arrival) {
	r := &run{sw: a.host.Switch, host: a.host.Name, p: a.p, record: result}
	if a.host.Down {
		r.end(Lost, a.p.inPort(), fmt.Sprintf("host %s is down", a.host.Name))
		result.Ends = append(result.Ends, r.ends...)
		return nil
	}
	r.step(Step{Packet: &a.p})
	r.start()
	if r.err != nil {
		result.Err = r.err
		return nil
	}
	if result.Err = tooMany(a.host, r.ends); result.Err != nil {
		return nil
	}
	for _, end := range r.ends {
		if encap, is := a.host.TunnelPorts.Encap(end.Port); is && end.Outcome == Sent {
			across, err := u.cross(a, r.came, encap, &end)
			if err != nil {
				result.Err = err
				return nil
			}
			if end.Outcome == Sent {
				next = append(next, across)
				continue
			}
		} else if end.Outcome == Sent {
			end.Packet = end.Packet.sent()
			if end.Port == a.host.GatewayPort && end.Port != 0 {
				end.Outcome = ToKernel
			}
		}
		result.Ends = append(result.Ends, end)
	}
	return next
}

// Open vSwitch stops, silently, when what it tells the datapath to do with a
// packet is longer than this (xlate_resubmit_resource_check in
// ofproto-dpif-xlate.c). A copy into a tunnel took 84 bytes with the userspace
// datapath, and takes a little more where headers are rewritten between copies.
const (
	maxActionBytes = 65535
	tunnelBytes    = 96
	portBytes      = 16
)

// tooMany is an error if a switch may not send all copies of a packet.
func tooMany(h *Host, ends []End) error {
	bytes := 0
	for _, e := range ends {
		if e.Outcome != Sent {
			continue
		}
		if _, is := h.TunnelPorts.Encap(e.Port); is {
			bytes += tunnelBytes
		} else {
			bytes += portBytes
		}
	}
	if bytes <= maxActionBytes {
		return nil
	}
	return fmt.Errorf("host %s: the packet has %d ends there, and Open vSwitch stops after 64 KB of datapath actions: some copies may not be sent", h.Name, len(ends))
}

// cross takes what came out of a tunnel port to the host that it is for. Where
// it does not get there, end says why.
func (u *Underlay) cross(from arrival, came netip.Addr, encap flows.Encap, end *End) (arrival, error) {
	target := tunnelTarget(&end.Packet)
	// Open vSwitch compares with where the packet came from through a tunnel,
	// which is nowhere for one that did not: that is the same, too.
	if target == came || !target.IsValid() {
		end.Outcome, end.Why = Dropped, "a tunnel does not lead back to the address that the packet was sent to, nor to none"
		return arrival{}, nil
	}
	vni := end.Packet.Uint(of.TunID)
	to, err := u.at(target)
	switch {
	case err != nil:
		return arrival{}, err
	case vni >= 1<<24:
		return arrival{}, fmt.Errorf("host %s: tun_id %#x is no VNI", from.host.Name, vni)
	case from.crossings >= maxCrossings:
		return arrival{}, fmt.Errorf("the packet still goes from host to host after %d times: it goes in circles", maxCrossings)
	}
	lost := func(format string, args ...any) (arrival, error) {
		end.Outcome, end.Why, end.Packet = Lost, fmt.Sprintf(format, args...), end.Packet.sent()
		return arrival{}, nil
	}
	switch {
	case to == nil:
		return lost("no host has the VTEP %s", target)
	case from.host.CutOff:
		return lost("host %s is cut off from the others", from.host.Name)
	case !from.host.VTEP.IsValid():
		return lost("host %s has no VTEP to send from", from.host.Name)
	case from.host.VTEP.Is4() != target.Is4():
		return lost("the VTEP %s of host %s is not of the family of %s", from.host.VTEP, from.host.Name, target)
	case to.Down:
		return lost("host %s is down", to.Name)
	case to.CutOff:
		return lost("host %s is cut off from the others", to.Name)
	case to.TunnelPorts[encap] == 0:
		return lost("host %s has no tunnel port of %v", to.Name, encap)
	}
	p := end.Packet.sent().parsed()
	p.setInPort(to.TunnelPorts[encap])
	source, destination := of.TunSrc, of.TunDst
	if target.Is6() {
		source, destination = of.TunIPv6Src, of.TunIPv6Dst
	}
	p.set(of.TunID.Uint(vni), source.Addr(from.host.VTEP), destination.Addr(target))
	return arrival{to, p, from.crossings + 1}, nil
}

// at is the host that has a VTEP, nil if there is none.
func (u *Underlay) at(vtep netip.Addr) (*Host, error) {
	if h := u.vteps[vtep]; h != nil {
		return h, nil
	}
	return u.missing("", vtep)
}

// called is the host of a name, nil if there is none.
func (u *Underlay) called(name string) (*Host, error) {
	if h := u.hosts[name]; h != nil {
		return h, nil
	}
	return u.missing(name, netip.Addr{})
}

func (u *Underlay) missing(name string, vtep netip.Addr) (*Host, error) {
	if u.Missing == nil {
		return nil, nil
	}
	h, err := u.Missing(name, vtep)
	if h != nil {
		u.Add(h)
	}
	return h, err
}

// tunnelTarget is where a tunnel port would send the packet.
func tunnelTarget(p *Packet) netip.Addr {
	for _, f := range []*of.Field{of.TunDst, of.TunIPv6Dst} {
		if a := p.Addr(f); !a.IsUnspecified() {
			return a
		}
	}
	return netip.Addr{}
}
