package ovsdb

import (
	"maps"
	"testing"
)

// kernelPort and watchPort have every column that a wanted port can.
func kernelPort() WantedPort {
	return WantedPort{Name: "weft-k", Type: "internal", MAC: "02:00:00:00:00:07", MTURequest: 1400,
		ExternalIDs: map[string]string{"weft-routes": "10.0.1.0/24 10.0.2.0/24", "weft-address": "100.64.0.7/32"}}
}

func watchPort() WantedPort {
	return WantedPort{Name: "weft-w", Type: "vxlan", Options: map[string]string{"remote_ip": "192.0.2.7", "key": "7"},
		BFD: map[string]string{"enable": "true", "min_tx": "100", "cpath_down": "false"}}
}

func TestPortsAreMadeAndMendedInPlace(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	c := h.join(Config{})
	w := wanted()
	w.Ports = append(w.Ports, kernelPort(), watchPort())
	ensure(t, c, w, true)
	ensure(t, c, w, false)

	right := func(v *View) {
		t.Helper()
		k, watch := v.findPort("weft-k"), v.findPort("weft-w")
		if k == nil || watch == nil {
			t.Fatalf("ports %+v", v.Ports)
		}
		ids := map[string]string{MarkKey: "cluster-a", "weft-routes": "10.0.1.0/24 10.0.2.0/24", "weft-address": "100.64.0.7/32"}
		mine := maps.Clone(k.Interfaces[0].ExternalIDs)
		delete(mine, "theirs")
		if i := k.Interfaces[0]; i.Type != "internal" || i.MAC != "02:00:00:00:00:07" || i.MTURequest != 1400 || !maps.Equal(mine, ids) {
			t.Errorf("%+v", i)
		}
		if i := watch.Interfaces[0]; !maps.Equal(i.BFD, watchPort().BFD) || !maps.Equal(i.Options, watchPort().Options) {
			t.Errorf("%+v", i)
		}
	}
	before, _ := c.View()
	right(before)

	for _, damage := range [][]string{
		{"mac=\"02:00:00:00:00:08\""},
		{"mtu_request=1500"},
		{"external_ids:weft-routes=10.0.3.0/24"},
		{"external_ids:weft-more=x", "external_ids:theirs=x"},
		{"type=geneve"},
	} {
		h.vsctl(append([]string{"set", "Interface", "weft-k"}, damage...)...)
		await(t, c, damage[0], func(v *View) bool { return !same(v.findPort("weft-k"), before.findPort("weft-k")) })
		ensure(t, c, w, true)
		ensure(t, c, w, false)
		v, _ := c.View()
		right(v)
		if v.findPort("weft-k").Interfaces[0].UUID != before.findPort("weft-k").Interfaces[0].UUID {
			t.Errorf("%q: the port was made anew", damage)
		}
	}
	if v, _ := c.View(); v.findPort("weft-k").Interfaces[0].ExternalIDs["theirs"] != "x" {
		t.Error("somebody else's key was removed")
	}
	h.vsctl("set", "Interface", "weft-w", "bfd:cpath_down=true", "bfd:min_rx=7")
	await(t, c, "bfd", func(v *View) bool { return v.findPort("weft-w").Interfaces[0].BFD["min_rx"] == "7" })
	ensure(t, c, w, true)
	v, _ := c.View()
	right(v)

	// A key, and then a port, that is wanted no more goes.
	w.Ports[1].ExternalIDs = map[string]string{"weft-address": "100.64.0.7/32"}
	ensure(t, c, w, true)
	if v, _ := c.View(); v.findPort("weft-k").Interfaces[0].ExternalIDs["weft-routes"] != "" {
		t.Error("the routes are still there")
	}
	w.Ports = w.Ports[:1]
	ensure(t, c, w, true)
	if v, _ := c.View(); v.findPort("weft-k") != nil || v.findPort("weft-w") != nil {
		t.Errorf("still there: %+v", v.Ports)
	}
}

func same(a, b *Port) bool {
	i, j := a.Interfaces[0], b.Interfaces[0]
	return i.MAC == j.MAC && i.MTURequest == j.MTURequest && i.Type == j.Type && maps.Equal(i.ExternalIDs, j.ExternalIDs)
}
