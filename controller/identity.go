package controller

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/ovsdb"
)

// maxSystemID bounds what a host may call itself.
const maxSystemID = 255

// identify makes the record of a host follow what its Open vSwitch says, and
// returns what is wrong with that.
func (t *tx) identify(systemID string, v *ovsdb.View, remote netip.Addr) ([]model.Condition, error) {
	old := t.host(systemID)
	now := &hostRecord{SystemID: systemID}
	if old != nil {
		*now = *old
	} else {
		if err := t.newHost(now); err != nil {
			return nil, err
		}
	}
	now.Address, now.OVSVersion = remote, v.OVSVersion
	if v.Bridge != nil {
		now.Datapath = v.Bridge.DatapathType
		if now.Datapath == "" {
			now.Datapath = "system"
		}
	}
	var conditions []model.Condition
	say := func(typ, format string, args ...any) {
		conditions = append(conditions, model.Condition{Type: typ, Message: fmt.Sprintf(format, args...)})
	}
	now.UnderlayMTU = underlayMTU(v.ExternalIDs, say)
	datapathType(v.ExternalIDs, say)
	if v.Datapath() == ovsdb.DatapathFails {
		say(model.DatapathFailed, "ovs-vswitchd can open no datapath for br-weft, neither the kernel's (is the openvswitch module loaded?) nor its own (netdev, which needs /dev/net/tun): see its log on the host")
	}
	t.nameHost(now, v, say)
	t.placeVTEP(now, v, remote, say)
	if old == nil || *old != *now {
		t.put(tableHost, now)
	}
	if old != nil && old.VTEP != now.VTEP {
		t.lookAround(systemID)
	}
	return conditions, nil
}

func (t *tx) newHost(h *hostRecord) error {
	number, err := t.c.pools.hosts.Lowest()
	if err != nil {
		return fmt.Errorf("no more hosts: %w", err)
	}
	h.Number, h.FirstSeen = number, t.now.UTC()
	h.Gossip = t.c.gossipOf(h.SystemID)
	for h.DatapathID == 0 || first[hostRecord](t.view, tableHost, byDatapath, datapathText(h.DatapathID)) != nil {
		var random [8]byte
		rand.Read(random[:])
		h.DatapathID = binary.BigEndian.Uint64(random[:])
	}
	return nil
}

// nameHost names a host by its hostname, which the first that has it keeps.
func (t *tx) nameHost(h *hostRecord, v *ovsdb.View, say func(typ, format string, args ...any)) {
	wish := strings.ToLower(v.Hostname)
	own := strings.ToLower(h.SystemID)
	if model.CheckName("", own) != nil {
		own = fmt.Sprintf("host-%d", h.Number)
	}
	if wish == "" {
		wish = own
	}
	if model.CheckName("", wish) != nil {
		say(model.NameTaken, "its hostname %q is no name for a host, so it is listed as %q: ovs-vsctl set Open_vSwitch . external_ids:hostname=NAME on the host", v.Hostname, own)
		wish = own
	}
	if other := t.hostByName(wish); other != nil && other.SystemID != h.SystemID {
		say(model.NameTaken, "its hostname %q is that of the host with system-id %s, which had it first, so it is listed as %q: ovs-vsctl set Open_vSwitch . external_ids:hostname=NAME on the host", wish, other.SystemID, own)
		wish = own
		if other := t.hostByName(wish); other != nil && other.SystemID != h.SystemID {
			wish = fmt.Sprintf("host-%d", h.Number)
		}
	}
	if h.Name != wish {
		h.Name = wish
		// Endpoints may be pinned to the name that it has now.
		t.renamed = true
	}
}

// placeVTEP says where other hosts send the host's frames.
func (t *tx) placeVTEP(h *hostRecord, v *ovsdb.View, remote netip.Addr, say func(typ, format string, args ...any)) {
	const cure = "on the host: ovs-vsctl set Open_vSwitch . external_ids:weft-vtep=ADDRESS"
	vtep := remote
	h.VTEP = netip.Addr{}
	if text := v.ExternalIDs["weft-vtep"]; text != "" {
		parsed, err := netip.ParseAddr(text)
		if err != nil || parsed.Zone() != "" {
			say(model.NoTunnels, "external_ids:weft-vtep %q is not an IP address, so the host gets no tunnels; %s", text, cure)
			return
		}
		vtep = parsed.Unmap()
	}
	switch {
	case vtep.IsLoopback():
		say(model.NoTunnels, "its tunnel address %s is a loopback address, which no other host can reach, so it gets no tunnels; %s with the address that other hosts reach it at", vtep, cure)
		return
	case vtep.IsUnspecified(), vtep.IsMulticast(), vtep.IsLinkLocalUnicast(), !vtep.IsValid():
		say(model.NoTunnels, "its tunnel address %s is not one that other hosts can reach, so it gets no tunnels; %s", vtep, cure)
		return
	}
	for other := range all[hostRecord](t.view, tableHost) {
		if other.SystemID != h.SystemID && other.VTEP == vtep {
			say(model.NoTunnels, "its tunnel address %s is host %s's, which had it first, so it gets no tunnels; %s, or DELETE /hosts/%s if that host is no more", vtep, other.Name, cure, other.Name)
			return
		}
	}
	h.VTEP = vtep
}

func underlayMTU(ids map[string]string, say func(typ, format string, args ...any)) int {
	text := ids["weft-underlay-mtu"]
	if text == "" {
		return defaultUnderlayMTU
	}
	mtu, err := strconv.Atoi(text)
	if err != nil || mtu < 576 || mtu > 65535 {
		say(model.BadSetting, "external_ids:weft-underlay-mtu %q is no MTU (576 to 65535), so %d is used; on the host: ovs-vsctl set Open_vSwitch . external_ids:weft-underlay-mtu=NUMBER", text, defaultUnderlayMTU)
		return defaultUnderlayMTU
	}
	return mtu
}

// datapathType is what the host says with weft-datapath; empty: to be found out.
func datapathType(ids map[string]string, say func(typ, format string, args ...any)) string {
	switch typ := ids["weft-datapath"]; typ {
	case "", "system", "netdev":
		return typ
	default:
		say(model.BadSetting, "external_ids:weft-datapath %q is neither system nor netdev, so what works is found out; on the host: ovs-vsctl remove Open_vSwitch . external_ids weft-datapath", typ)
		return ""
	}
}

// settlePinned decides anew about endpoints that are pinned: a host of that
// name may have come, or be another now.
func (t *tx) settlePinned() {
	for _, e := range slices.Collect(all[endpointRecord](t.view, tableEndpoint)) {
		if e.Host != "" {
			t.settle(e)
		}
	}
}

func datapathText(id uint64) string { return fmt.Sprintf("%016x", id) }
