package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"time"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
	"github.com/weft-sdn/weft/openflow/session"
)

// realistic is the program of a host in a fabric: it has 1 in 20 endpoints of
// 20 networks, and knows the others.
func realistic(wanted int) []*program.Fragment {
	const networks, hosts, self = 20, 20, 1
	f := flows.NewFabric()
	for h := range uint32(hosts) {
		f.PutHost(flows.Host{Number: h + 1, VTEP: netip.AddrFrom4([4]byte{198, 18, 0, byte(h + 1)}), TunnelPorts: flows.TunnelPorts{flows.VXLAN: 1}})
	}
	for n := range uint32(networks) {
		f.PutNetwork(flows.Network{VNI: 5000 + n})
	}
	const aRound = networks * hosts
	for i, size := uint32(0), 0; size < wanted; i++ {
		f.PutEndpoint(flows.Endpoint{
			Number: i + 1, VNI: 5000 + i%networks, MAC: [6]byte{2, 0, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)},
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})},
			Host:      i/networks%hosts + 1, Port: 10 + i/aRound*networks + i%networks,
		})
		if i%aRound == aRound-1 {
			f.Flush()
			size = count(f.Program(self))
		}
	}
	f.Flush()
	return f.Program(self)
}

func count(fragments []*program.Fragment) (n int) {
	for _, fr := range fragments {
		n += len(fr.Flows)
	}
	return n
}

func measureFlows(ctx context.Context, r *report) error {
	wanted := realistic(r.size(50_000, 1_000))
	o, err := startOVS()
	if err != nil {
		return err
	}
	defer o.stop()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	if err := writeText(o.path("flows"), o.path("groups"), wanted); err != nil {
		return err
	}
	runtime.GC() // what building the program left behind is not part of what is measured
	done := r.profileSelf("flows")
	defer done()
	// Taken in turn, so that whatever else the machine does is in both.
	var theirs, ours, again []time.Duration
	for i := range r.size(7, 2) {
		d, err := byOvsOfctl(o, fmt.Sprintf("t%d", i))
		if err != nil {
			return err
		}
		theirs = append(theirs, d)
		first, second, err := bySession(ctx, o, fmt.Sprintf("o%d", i), listener, wanted)
		if err != nil {
			return err
		}
		ours, again = append(ours, first), append(again, second)
	}
	n := count(wanted)
	r.ratio(fmt.Sprintf("%d flows onto one switch / ovs-ofctl --bundle add-flows", n), median(ours), median(theirs), 0.5)
	r.ratio(fmt.Sprintf("reconnect to a switch that has the %d flows / the same", n), median(again), median(theirs), 0.3)
	return nil
}

// writeText writes the flows and groups as ovs-ofctl takes them.
func writeText(flowFile, groupFile string, fragments []*program.Fragment) error {
	for file, lines := range map[string]func(*program.Fragment) []string{
		flowFile: func(fr *program.Fragment) (lines []string) {
			for _, f := range fr.Flows {
				lines = append(lines, f.String())
			}
			return lines
		},
		groupFile: func(fr *program.Fragment) (lines []string) {
			for _, g := range fr.Groups {
				lines = append(lines, g.String())
			}
			return lines
		},
	} {
		out, err := os.Create(file)
		if err != nil {
			return err
		}
		w := bufio.NewWriter(out)
		for _, fr := range fragments {
			for _, line := range lines(fr) {
				fmt.Fprintln(w, line)
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if err := out.Close(); err != nil {
			return err
		}
	}
	return nil
}

// byOvsOfctl is how long ovs-ofctl takes for the flows on a new bridge that
// has the groups already.
func byOvsOfctl(o *ovs, bridge string) (time.Duration, error) {
	if err := o.addBridge(bridge); err != nil {
		return 0, err
	}
	if err := o.ofctl(bridge, "add-groups", o.path("groups")); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := o.ofctl(bridge, "--bundle", "add-flows", o.path("flows")); err != nil {
		return 0, err
	}
	took := time.Since(began)
	return took, o.vsctl("del-br", bridge)
}

func (o *ovs) addBridge(name string) error {
	if err := o.vsctl("add-br", name, "--", "set", "bridge", name, "fail_mode=secure"); err != nil {
		return err
	}
	return o.waitSocket(name + ".mgmt")
}

// bySession is how long a session takes for the flows and groups on a new
// bridge, from wanted to confirmed, and how long on a connection after that.
func bySession(ctx context.Context, o *ovs, bridge string, l net.Listener, wanted []*program.Fragment) (first, second time.Duration, err error) {
	if err := o.addBridge(bridge); err != nil {
		return 0, 0, err
	}
	if err := o.vsctl("set-controller", bridge, "tcp:"+l.Addr().String()); err != nil {
		return 0, 0, err
	}
	for i, took := range []*time.Duration{&first, &second} {
		if *took, err = installOnce(ctx, l, wanted, uint64(i+1), i == 0); err != nil {
			return 0, 0, err
		}
	}
	return first, second, o.vsctl("del-br", bridge)
}

func installOnce(ctx context.Context, l net.Listener, wanted []*program.Fragment, generation uint64, writes bool) (time.Duration, error) {
	conn, err := l.Accept()
	if err != nil {
		return 0, err
	}
	s, err := session.Accept(ctx, conn, session.Config{GenerationID: generation, Repair: true})
	if err != nil {
		return 0, err
	}
	h := &handler{ready: make(chan struct{}), installed: make(chan error, 1)}
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	go func() { ended <- s.Run(ctx, h) }()
	defer func() { stop(); <-ended }()
	select {
	case <-h.ready:
	case err := <-ended:
		ended <- err
		return 0, err
	}
	began := time.Now()
	s.Wanted(wanted)
	select {
	case err = <-h.installed:
	case err = <-ended:
		ended <- err
	}
	took := time.Since(began)
	if sent := s.Stats().FlowMods.Load() > 0; err == nil && sent != writes {
		err = fmt.Errorf("%d flow mods were sent", s.Stats().FlowMods.Load())
	}
	return took, err
}

// handler waits for a session.
type handler struct {
	ready     chan struct{}
	installed chan error
}

func (h *handler) Ready([]openflow.Port)           { close(h.ready) }
func (h *handler) PortChanged(openflow.Port, bool) {}
func (h *handler) PacketIn(*openflow.PacketIn)     {}
func (h *handler) Tampered(d program.Difference) {
	h.installed <- fmt.Errorf("foreign changes: %v", d.Len())
}
func (h *handler) Installed(_ uint64, refused []session.Refusal) {
	if len(refused) > 0 {
		h.installed <- refused[0]
		return
	}
	h.installed <- nil
}
