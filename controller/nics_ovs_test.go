package controller_test

import (
	"strings"
	"testing"

	"github.com/weft-sdn/weft/controller"
	"github.com/weft-sdn/weft/model"
)

func TestAnInterfaceOfAnotherBridgeIsLeftThere(t *testing.T) {
	s := newSite(t, 1)
	s.network("net1", "10.0.1.0/24", nil)
	nic := model.NIC{Host: "host1", Interface: "eth1", Network: "net1"}
	put := func() error {
		_, _, err := s.c.PutNIC(t.Context(), nic, controller.WriteOptions{})
		return err
	}
	s.hosts[0].VSCtl("add-br", "br-phy", "--", "add-port", "br-phy", "eth1")
	eventually(t, "the interface to be refused", func() bool {
		err := put()
		if err == nil { // the controller had not seen the bridge yet
			_, _ = s.c.DeleteNIC(t.Context(), "host1", "eth1", controller.WriteOptions{})
		}
		return model.KindOf(err) == model.Conflict && strings.Contains(err.Error(), "br-phy")
	})
	s.hosts[0].VSCtl("del-br", "br-phy")
	eventually(t, "the interface to be taken", func() bool { return put() == nil })
	s.becomes(1, "eth1", "error", "")

	// Somebody takes it away, which is not undone at the price of all else.
	s.hosts[0].VSCtl("del-port", "br-weft", "eth1", "--", "add-br", "br-phy", "--", "add-port", "br-phy", "eth1")
	s.endpoint("net1", "e1", 1)
	s.synchronized()
	if got := s.hosts[0].VSCtl("port-to-br", "eth1"); strings.TrimSpace(got) != "br-phy" {
		t.Errorf("the interface is on %s", got)
	}
	for _, c := range s.c.Hosts()[0].Conditions {
		if c.Type == model.PortFailed {
			t.Errorf("%+v", c)
		}
	}
}
