package ovsdb

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestForeignBridgeIsLeftUntilAdopted(t *testing.T) {
	t.Parallel()
	markOf := func(err error) string {
		var foreign *ForeignMarkError
		errors.As(err, &foreign)
		return foreign.Mark
	}
	tests := []struct {
		name  string
		make  []string
		check func(error) bool
	}{
		{"another cluster's mark",
			[]string{"add-br", "br-weft", "--", "set", "Bridge", "br-weft", "external_ids:weft=cluster-b", "--", "set-controller", "br-weft", "tcp:192.0.2.1:6653",
				"--", "add-port", "br-weft", "b-vxlan", "--", "set", "Port", "b-vxlan", "external_ids:weft=cluster-b", "--", "set", "Interface", "b-vxlan", "type=vxlan"},
			func(err error) bool { return markOf(err) == "cluster-b" }},
		{"another cluster's controller",
			[]string{"add-br", "br-weft", "--", "set-controller", "br-weft", "tcp:192.0.2.1:6653", "--", "set", "Controller", "br-weft", "external_ids:weft=cluster-b"},
			func(err error) bool { return markOf(err) == "cluster-b" }},
		{"a controller of its own",
			[]string{"add-br", "br-weft", "--", "set-controller", "br-weft", "tcp:192.0.2.1:6653"},
			func(err error) bool {
				var foreign *ForeignControllerError
				return errors.As(err, &foreign) && foreign.Target == "tcp:192.0.2.1:6653"
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := startHost(t)
			h.vsctl(tt.make...)
			c := h.join(Config{})
			before := h.rows()
			row := h.vsctl("get", "Bridge", "br-weft", "controller")
			w := wanted()
			if _, err := c.Ensure(t.Context(), w); !tt.check(err) {
				t.Fatalf("Ensure: %v", err)
			}
			if n := c.Transactions(); n != 0 {
				t.Errorf("%d transactions", n)
			}
			for _, line := range h.rows() {
				if !strings.HasPrefix(line, "Manager") && !slices.Contains(before, line) {
					t.Errorf("changed: %s", line)
				}
			}
			if v, _ := c.View(); v.Locked {
				t.Error("the lock is kept from the one whose bridge this is")
			}

			w.Adopt = true
			ensure(t, c, w, true)
			w.Adopt = false
			ensure(t, c, w, false)
			v, _ := c.View()
			checkRight(t, v)
			if now := h.vsctl("get", "Bridge", "br-weft", "controller"); now != row {
				t.Errorf("controller row %s became %s: all flows are flushed", row, now)
			}
		})
	}
}

// ovs-docker makes a bridge without a mark before we come.
func TestUnmarkedBridgeIsAdoptedWithItsPorts(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	h.vsctl("add-br", "br-weft", "--", "set", "Bridge", "br-weft", "datapath_type=netdev",
		"--", "add-port", "br-weft", "veth1", "tag=7", "--", "set", "Interface", "veth1", "external_ids:container_id=doc1", "external_ids:container_iface=eth0")
	c := h.join(Config{})
	var before []string
	for _, line := range h.rows() {
		if strings.Contains(line, "veth1") {
			before = append(before, line)
		}
	}
	w := wanted()
	w.DatapathType = ""
	ensure(t, c, w, true)
	ensure(t, c, w, false)
	v, _ := c.View()
	if v.Bridge.FailMode != "secure" || v.Bridge.ExternalIDs[MarkKey] != w.Mark || v.Bridge.DatapathType != "netdev" {
		t.Errorf("bridge %+v", v.Bridge)
	}
	after := h.rows()
	for _, line := range before {
		if !slices.Contains(after, line) {
			t.Errorf("changed: %s", line)
		}
	}
	p := v.findPort("veth1")
	if len(before) != 2 || p == nil || *p.Tag != 7 || p.Interfaces[0].ExternalIDs["container_id"] != "doc1" {
		t.Errorf("user port %+v", p)
	}

	// Only by its row's UUID does a user's port go.
	h.vsctl("add-port", "br-weft", "veth2")
	await(t, c, "veth2", func(v *View) bool { return v.findPort("veth2") != nil })
	w.RemovePorts = []string{p.UUID, "veth2", "00000000-0000-0000-0000-000000000000"}
	ensure(t, c, w, true)
	ensure(t, c, w, false)
	if v, _ := c.View(); v.findPort("veth1") != nil || v.findPort("veth2") == nil {
		t.Errorf("ports %+v", v.Ports)
	}
}

func TestNameOfATunnelIsTaken(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	h.vsctl("add-br", "br-weft", "--", "add-port", "br-weft", "weft-vxlan")
	c := h.join(Config{})
	_, err := c.Ensure(t.Context(), wanted())
	var taken *NameTakenError
	if !errors.As(err, &taken) || taken.Port != "weft-vxlan" {
		t.Errorf("Ensure: %v", err)
	}

	h.vsctl("del-br", "br-weft", "--", "add-br", "br-int", "--", "add-port", "br-int", "weft-vxlan")
	await(t, c, "br-int", func(v *View) bool { return v.Bridge == nil })
	_, err = c.Ensure(t.Context(), wanted())
	var refused *OperationError
	if !errors.As(err, &refused) || refused.Cause != "constraint violation" || !strings.Contains(err.Error(), "weft-vxlan") {
		t.Errorf("Ensure: %v", err)
	}
}
