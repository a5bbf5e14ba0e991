package controller

import (
	"context"
	"fmt"
	"strings"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/openflow/program"
	"github.com/weft-sdn/weft/ovsdb"
)

// NIC is an interface of a host that is in a network.
func (c *Controller) NIC(host, iface string) (model.NIC, error) {
	v := c.snapshot()
	h := v.hostByName(host)
	if h == nil {
		return model.NIC{}, noHost(host)
	}
	n := v.nic(h.SystemID, iface)
	if n == nil {
		return model.NIC{}, noNIC(host, iface)
	}
	return v.nicView(n), nil
}

// PutNIC puts the interface n.Interface of n.Host into a network, or into
// another than it was in.
func (c *Controller) PutNIC(ctx context.Context, n model.NIC, options WriteOptions) (model.NIC, Outcome, error) {
	var created bool
	var now model.NIC
	out, err := c.write(ctx, options, func(t *tx) ([]string, error) {
		h := t.hostByName(n.Host)
		if h == nil {
			return nil, noHost(n.Host)
		}
		concerned := []string{n.Network}
		var revision uint64
		old := t.nic(h.SystemID, n.Interface)
		if old != nil {
			revision = old.Revision
			concerned = append(concerned, old.Network)
		}
		if err := checkRevision(options, fmt.Sprintf("interface %q of host %q", n.Interface, n.Host), revision); err != nil {
			return nil, err
		}
		record, err := t.putNIC(h, n)
		if err != nil {
			return nil, err
		}
		created, now = old == nil, t.nicView(record)
		return concerned, nil
	})
	out.Created = created
	if err == nil && !options.DryRun || model.KindOf(err) == model.Timeout {
		if stored, gone := c.NIC(n.Host, n.Interface); gone == nil {
			now = stored
		}
	}
	return now, out, err
}

// DeleteNIC takes an interface of a host out of its network.
func (c *Controller) DeleteNIC(ctx context.Context, host, iface string, options WriteOptions) (Outcome, error) {
	return c.write(ctx, options, func(t *tx) ([]string, error) {
		h := t.hostByName(host)
		if h == nil {
			return nil, noHost(host)
		}
		n := t.nic(h.SystemID, iface)
		if n == nil {
			return nil, noNIC(host, iface)
		}
		if err := checkRevision(options, fmt.Sprintf("interface %q of host %q", iface, host), n.Revision); err != nil {
			return nil, err
		}
		t.delete(tableNIC, n)
		return []string{n.Network}, nil
	})
}

func (t *tx) putNIC(h *hostRecord, n model.NIC) (*nicRecord, error) {
	now := &nicRecord{NIC: n, SystemID: h.SystemID}
	now.Host, now.Conditions, now.Revision = "", nil, 0
	if err := now.Check(); err != nil {
		return nil, err
	}
	if t.network(now.Network) == nil {
		return nil, noNetwork("network", now.Network)
	}
	for p := range each[placeRecord](t.view, tablePlace, byHost, h.SystemID) {
		if p.Port == now.Interface {
			return nil, model.Errorf(model.Conflict, "interface", "%s of host %q is the port of endpoint %q: unplug it first, or put another interface into the network", now.Interface, h.Name, p.Endpoint)
		}
	}
	if old := t.nic(h.SystemID, now.Interface); old == nil {
		number, err := t.chooseNumber()
		if err != nil {
			return nil, err
		}
		now.Number = number
	} else {
		if old.Network == now.Network && old.VLAN == now.VLAN {
			return old, nil
		}
		now.Number = old.Number
	}
	for other := range t.nicsIn(now.Network) {
		now.StandBy = now.StandBy || !other.StandBy && other.Number != now.Number
	}
	if bridge := t.c.linkOf(h.SystemID).elsewhere(now.Interface); bridge != "" {
		return nil, model.Errorf(model.Conflict, "interface", "%s of host %q is a port of its bridge %s, which may be what connects the host: put another interface into the network, or take it off there first", now.Interface, h.Name, bridge)
	}
	t.put(tableNIC, now)
	return now, nil
}

// nicPorts are the ports of a host's NICs. One that another bridge has is left
// there: nothing could be written at all if it were asked for.
func (v view) nicPorts(l *hostLink) []ovsdb.WantedPort {
	var ports []ovsdb.WantedPort
	for n := range v.nicsOf(l.systemID) {
		if l.elsewhere(n.Interface) == "" {
			ports = append(ports, ovsdb.WantedPort{Name: n.Interface})
		}
	}
	return ports
}

// elsewhere is the bridge, other than Weft's, that has a port of that name;
// empty if none is known.
func (l *hostLink) elsewhere(port string) string {
	if l.view == nil {
		return ""
	}
	return l.view.Elsewhere[port]
}

// learned are the cookies of what switches learn of machines behind NICs: the
// switches alone add and remove those flows.
var learned = program.CookieRanges{{Value: uint64(flows.KindLearned) << 56, Mask: 0xff << 56}}

// nicView is a NIC as the API shows it.
func (v view) nicView(r *nicRecord) model.NIC {
	n := r.NIC
	n.Host = v.hostName(r.SystemID)
	n.Conditions = nil
	switch f := first[portFact](v, tablePort, byID, r.SystemID, r.Interface); {
	case !v.link(r.SystemID).OVSDB:
		n.Conditions = append(n.Conditions, model.Condition{Type: model.HostAway,
			Message: "host " + n.Host + " is not connected: whether the interface is there is not known"})
	case f == nil:
		n.Conditions = append(n.Conditions, model.Condition{Type: model.PortFailed,
			Message: "br-weft of host " + n.Host + " has no port " + r.Interface + " yet"})
	case r.StandBy:
		n.Conditions = append(n.Conditions, v.standsBy(r))
		fallthrough
	default:
		n.Conditions = append(n.Conditions, f.failures()...)
	}
	return n
}

// standsBy says why a NIC does not take part in its network.
func (v view) standsBy(r *nicRecord) model.Condition {
	if twin := v.ownerName(flows.KindNIC, r.Twin); twin != "" {
		return model.Condition{Type: model.StandsBy, Message: fmt.Sprintf(
			"it leads to the same segment as %s, which is in network %q: frames would go round in a circle, so this one only takes over when that one is taken out", twin, r.Network)}
	}
	return model.Condition{Type: model.StandsBy, Message: fmt.Sprintf(
		"it does not take part yet: whether it leads to the same segment as another interface in network %q is being found out, for which the hosts of both must be connected", r.Network)}
}

// nicPort is a NIC among the ports of its host, where Open vSwitch does not
// show it (yet).
func (v view) nicPort(r *nicRecord) model.Port {
	return model.Port{Name: r.Interface, Kind: model.PortNIC, Network: r.Network, VLAN: r.VLAN, Conditions: v.nicView(r).Conditions}
}

func noNIC(host, iface string) error {
	return model.Errorf(model.NotFound, "", "no interface %q of host %q is in a network: GET /hosts/%s/ports lists those that are, with kind %s; PUT puts one into a network", iface, host, host, model.PortNIC)
}

// nicIn is the NIC that a key of the store names, and what the API calls it;
// no object where it is no more.
func (v view) nicIn(key string) (name string, object any) {
	host, iface, _ := strings.Cut(key, "/")
	systemID, _ := unescape(host)
	iface, _ = unescape(iface)
	if n := v.nic(systemID, iface); n != nil {
		object = v.nicView(n)
	}
	if name := v.hostName(systemID); name != "" {
		return name + "/" + iface, object
	}
	return systemID + "/" + iface, object // its host is no more, either
}
