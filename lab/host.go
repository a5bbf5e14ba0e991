package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
)

const (
	// underlayBridge holds a host's NIC and its address. The userspace
	// datapath sends tunnel packets only through a bridge of its own kind.
	underlayBridge = "br-phy"

	// overlayBridge is the controller's.
	overlayBridge = "br-weft"

	// controllerPort is where hosts' managers connect, IANA's port for OVSDB.
	controllerPort = 6640
)

// Host is one machine of the lab with its own Open vSwitch.
type Host struct {
	Machine

	lab  *Lab
	spec HostSpec
	ovs  *openVSwitch
}

func (l *Lab) newHost(spec HostSpec) *Host {
	in := l.namespace(spec.Name)
	m := Machine{Name: spec.Name, in: in, device: underlayBridge, addresses: spec.addresses()}
	return &Host{Machine: m, lab: l, spec: spec, ovs: newOpenVSwitch(filepath.Join(l.Dir, spec.Name), in)}
}

// build makes the host as an administrator leaves it: on the underlay, with
// Open vSwitch running, and not yet pointed at a controller.
func (h *Host) build(ctx context.Context) error {
	if err := os.MkdirAll(h.ovs.dir, 0o700); err != nil {
		return err
	}
	if err := h.in.create(); err != nil {
		return err
	}
	u := &h.lab.Topology.Underlay
	segment, _ := u.segmentOf(h.spec.Address.Addr())
	if err := h.lab.cable(h.in, h.Name, segment); err != nil {
		return err
	}
	if err := h.takeOver(nic); err != nil {
		return err
	}
	if err := h.plugNICs(); err != nil {
		return err
	}
	var mac string
	err := h.in.link(func(n *netlink.Handle) error {
		l, err := n.LinkByName(nic)
		if err == nil {
			mac = l.Attrs().HardwareAddr.String()
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := h.ovs.createDatabase(ctx); err != nil {
		return err
	}
	if err := h.ovs.startDatabase(ctx); err != nil {
		return err
	}
	if err := h.ovs.startVswitchd(); err != nil {
		return err
	}
	// The bridge takes the NIC's MAC over before it gets the address and the
	// routes: changing the MAC later loses the default route.
	settings := []string{"external_ids:system-id=" + h.Name, "external_ids:hostname=" + h.Name}
	if u.MTU != defaultUnderlayMTU {
		settings = append(settings, fmt.Sprintf("external_ids:weft-underlay-mtu=%d", u.MTU))
	}
	_, err = h.Run(ctx, "ovs-vsctl", append(append([]string{"--timeout=20", "set", "Open_vSwitch", "."}, settings...),
		"--", "add-br", underlayBridge,
		"--", "set", "Bridge", underlayBridge, "datapath_type=netdev", "fail_mode=standalone", `other_config:hwaddr="`+mac+`"`,
		"--", "set", "Interface", underlayBridge, fmt.Sprintf("mtu_request=%d", u.MTU),
		"--", "add-port", underlayBridge, nic)...)
	if err != nil {
		return err
	}
	return h.in.link(func(n *netlink.Handle) error {
		if err := setUp(n, underlayBridge); err != nil {
			return err
		}
		for _, p := range h.spec.addresses() {
			if err := addAddressAtOnce(n, underlayBridge, p); err != nil {
				return err
			}
		}
		if a := h.lab.Topology.router6(segment); h.spec.Address6.IsValid() {
			if err := addDefaultRoute(n, underlayBridge, a); err != nil {
				return err
			}
		}
		return addDefaultRoute(n, underlayBridge, u.Router[segment])
	})
}

// takeOver prepares a device for the userspace datapath: the kernel's own
// stack neither hears nor says anything on it.
func (h *Host) takeOver(dev string) error {
	if err := h.in.sysctl("ipv6/conf/"+dev+"/disable_ipv6", "1"); err != nil {
		return err
	}
	if err := h.in.hideFromKernel(dev); err != nil {
		return err
	}
	return h.in.link(func(n *netlink.Handle) error { return setUp(n, dev) })
}

// join points the host at the controller, which is all that an administrator
// does on a host.
func (h *Host) join(ctx context.Context) error {
	_, err := h.Run(ctx, "ovs-vsctl", "--no-wait", "--timeout=10", "set-manager",
		"tcp:"+netip.AddrPortFrom(h.lab.Topology.Controller.Address.Addr(), controllerPort).String())
	return err
}

// Run runs a command on the host and returns what it prints; ovs-vsctl,
// ovs-ofctl and ovs-appctl talk to this host's Open vSwitch.
func (h *Host) Run(ctx context.Context, name string, args ...string) (string, error) {
	return run(ctx, h.in, h.ovs.database.env, name, args...)
}

// KillVswitchd ends ovs-vswitchd without warning; its devices stay.
func (h *Host) KillVswitchd(ctx context.Context) error { return h.ovs.vswitchd.kill(ctx) }

// StartVswitchd starts ovs-vswitchd and waits for the underlay to be back.
func (h *Host) StartVswitchd(ctx context.Context) error {
	if err := h.ovs.startVswitchd(); err != nil {
		return err
	}
	return h.ovs.bridgeAnswers(ctx, underlayBridge)
}

// FreezeVswitchd stops ovs-vswitchd as a debugger would: connections stay open
// and nothing answers. ThawVswitchd lets it go on.
func (h *Host) FreezeVswitchd() error { return h.ovs.vswitchd.freeze() }

// ThawVswitchd undoes FreezeVswitchd.
func (h *Host) ThawVswitchd() error { return h.ovs.vswitchd.thaw() }

// FreezeOVSDB and ThawOVSDB do the same to ovsdb-server.
func (h *Host) FreezeOVSDB() error { return h.ovs.database.freeze() }

// ThawOVSDB undoes FreezeOVSDB.
func (h *Host) ThawOVSDB() error { return h.ovs.database.thaw() }

// KillOVSDB ends ovsdb-server without warning.
func (h *Host) KillOVSDB(ctx context.Context) error { return h.ovs.database.kill(ctx) }

// StartOVSDB starts ovsdb-server on the database as it was left.
func (h *Host) StartOVSDB(ctx context.Context) error { return h.ovs.startDatabase(ctx) }

// CutFromController drops every packet between host and controller, and none
// else; both sides find out by timeouts only.
func (h *Host) CutFromController() error {
	return h.in.cutFrom(h.lab.Topology.Controller.Address.Addr())
}

// Heal undoes CutFromController.
func (h *Host) Heal() error {
	return h.in.healFrom(h.lab.Topology.Controller.Address.Addr())
}

// PowerOff is a power cut: the host is off the underlay before its processes
// end, so that nobody hears a farewell.
func (h *Host) PowerOff(ctx context.Context) error {
	if err := h.lab.pull(h.Name); err != nil {
		return err
	}
	return h.ovs.kill(ctx)
}

// PowerOn starts what PowerOff ended.
func (h *Host) PowerOn(ctx context.Context) error {
	if err := h.lab.push(h.Name); err != nil {
		return err
	}
	if err := h.ovs.startDatabase(ctx); err != nil {
		return err
	}
	return h.StartVswitchd(ctx)
}

// waitForBridge waits until the controller has made its bridge here.
func (h *Host) waitForBridge(ctx context.Context) error {
	err := h.ovs.bridgeAnswers(ctx, overlayBridge)
	if err != nil {
		state, _ := h.Run(context.WithoutCancel(ctx), "ovs-vsctl", "--timeout=5", "show")
		return fmt.Errorf("%s has no bridge %s: %w\n%s", h.Name, overlayBridge, err, strings.TrimSpace(state))
	}
	return nil
}
