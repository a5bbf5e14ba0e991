package simhost

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/weft-sdn/weft/openflow"
)

func rawID(id string) json.RawMessage { return json.RawMessage(id) }

// reconfigure does what ovs-vswitchd does when the database has changed: it
// makes the switches as the rows say, and writes what came of it. h.mu is held.
func (h *Host) reconfigure() {
	if h.stop == nil {
		return // switched off
	}
	c := h.db.begin()
	there := map[string]bool{}
	for uuid, b := range h.db.tables["Bridge"] {
		name := b["name"].string()
		there[name] = true
		s := h.switches[name]
		if s == nil {
			s = newSwitch(&h.running)
			h.switches[name] = s
			s.connection = func(target string, connected bool) { h.connected(name, target, connected) }
		}
		s.setDatapathID(h.datapathID(c, uuid, b))
		s.setPorts(h.ports(c, name, b))
		s.dial(h.targets(b), h.cfg.Backoff)
	}
	for name, s := range h.switches {
		if !there[name] {
			s.dial(nil, 0)
			s.flush()
			delete(h.switches, name)
		}
	}
	root := h.db.tables["Open_vSwitch"][h.db.root]
	if root["cur_cfg"].number() != root["next_cfg"].number() {
		c.set("Open_vSwitch", h.db.root, row{"cur_cfg": root["next_cfg"]})
	}
	h.publish(c)
}

// datapathID is what other_config asks for, and goes into the column as well.
func (h *Host) datapathID(c *change, uuid string, b row) uint64 {
	wanted := b["other_config"].get("datapath-id")
	id, err := strconv.ParseUint(wanted, 16, 64)
	if err != nil || id == 0 {
		id = 1
	}
	if has := fmt.Sprintf("%016x", id); b["datapath_id"].string() != has {
		c.set("Bridge", uuid, row{"datapath_id": str(has)})
	}
	return id
}

// ports are the ports of a bridge, each with a number, which new ones are
// given here.
func (h *Host) ports(c *change, bridge string, b row) map[string]openflow.Port {
	ports := map[string]openflow.Port{}
	for _, p := range b["ports"].uuids(schema["Bridge"]["ports"]) {
		for _, i := range h.db.tables["Port"][p]["interfaces"].uuids(schema["Port"]["interfaces"]) {
			iface := h.db.tables["Interface"][i]
			name := iface["name"].string()
			number := h.switches[bridge].portNumber(name, bridge)
			if iface["ofport"].number() != int(uint16(number)) {
				h.devices++
				c.set("Interface", i, row{
					"ofport": num(int(uint16(number))), "ifindex": num(h.devices),
					"link_state": str("up"), "admin_state": str("up"),
					"mac_in_use": str(fmt.Sprintf("aa:55:aa:55:%02x:%02x", byte(h.devices>>8), byte(h.devices))), "mtu": num(1500),
				})
			}
			for asked, has := range map[string]string{"mac": "mac_in_use", "mtu_request": "mtu"} {
				if v := iface[asked]; len(v) > 0 && !maps.Equal(v, h.db.tables["Interface"][i][has]) {
					c.set("Interface", i, row{has: v})
				}
			}
			ports[name] = openflow.Port{Number: number, Name: name, State: openflow.PortStateLive}
		}
	}
	return ports
}

func (h *Host) targets(b row) []string {
	var out []string
	for _, uuid := range b["controller"].uuids(schema["Bridge"]["controller"]) {
		target := h.db.tables["Controller"][uuid]["target"].string()
		if address, tcp := strings.CutPrefix(target, "tcp:"); tcp {
			out = append(out, address)
		}
	}
	return out
}

// connected writes into the database whether a controller is connected.
func (h *Host) connected(bridge, target string, connected bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, b := h.bridge(bridge)
	c := h.db.begin()
	for _, uuid := range b["controller"].uuids(schema["Bridge"]["controller"]) {
		if h.db.tables["Controller"][uuid]["target"].string() == "tcp:"+target {
			c.set("Controller", uuid, row{"is_connected": truth(connected)})
		}
	}
	h.publish(c)
}
