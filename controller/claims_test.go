package controller

import (
	"slices"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/model"
)

// situation is a state in a few words, for the decision where an endpoint is.
type situation struct {
	away        []string // hosts that are not connected
	unreachable []string // and have been so for long
	ports       []portFact
	endpoint    model.Endpoint
	was         placeRecord
}

func (s situation) decide(t *testing.T) *placeRecord {
	t.Helper()
	db, err := newState()
	if err != nil {
		t.Fatal(err)
	}
	w := &tx{view: view{txn: db.Txn(true)}}
	for i, name := range []string{"h1", "h2", "h3"} {
		w.put(tableHost, &hostRecord{SystemID: "id-" + name, Name: name, Number: uint32(i + 1)})
		w.put(tableLink, &linkRecord{SystemID: "id-" + name, OVSDB: !slices.Contains(s.away, name)})
	}
	for i := range s.ports {
		p := s.ports[i]
		p.Host = "id-" + p.Host
		w.put(tablePort, &p)
	}
	if s.was.Host != "" {
		s.was.Host = "id-" + s.was.Host
	}
	e := &endpointRecord{Endpoint: s.endpoint}
	e.ID = "ep"
	e.Normalize()
	return w.decide(e, &s.was, func(systemID string) bool { return slices.Contains(s.unreachable, strings.TrimPrefix(systemID, "id-")) })
}

func TestWhereAnEndpointIs(t *testing.T) {
	iface := func(host, name string) portFact { return portFact{Host: host, Name: name, Number: 7, IfaceID: "ep"} }
	docker := func(host, name string) portFact {
		return portFact{Host: host, Name: name, Number: 7, ContainerID: "doc1", ContainerIface: "eth0"}
	}
	gone, failed := iface("h1", "p1"), iface("h1", "p1")
	gone.NoDevice = true
	failed.Error = "could not open network device p1 (No such device)"
	other := docker("h1", "p1")
	other.IfaceID = "somebody-else"

	for _, c := range []struct {
		name string
		situation
		host, port string   // where it is
		conditions []string // types, in order
	}{
		{"nobody claims it", situation{}, "", "", nil},
		{"the only claim", situation{ports: []portFact{iface("h2", "p")}}, "h2", "p", nil},
		{"the first of two hosts by number", situation{ports: []portFact{iface("h2", "p"), iface("h1", "q")}}, "h1", "q", []string{model.ClaimRefused}},
		{"the holder keeps it", situation{ports: []portFact{iface("h1", "p"), iface("h2", "q")}, was: placeRecord{Host: "h2", Port: "q"}}, "h2", "q", []string{model.ClaimRefused}},
		{"the holder's port keeps it beside another on the host", situation{ports: []portFact{iface("h1", "a"), iface("h1", "b")}, was: placeRecord{Host: "h1", Port: "b"}}, "h1", "b", []string{model.ClaimRefused}},
		{"unplugged", situation{was: placeRecord{Host: "h1", Port: "p"}}, "", "", nil},
		{"unplugged, and plugged elsewhere", situation{ports: []portFact{iface("h2", "q")}, was: placeRecord{Host: "h1", Port: "p"}}, "h2", "q", nil},
		{"its device is gone", situation{ports: []portFact{gone}, was: placeRecord{Host: "h1", Port: "p1"}}, "", "", []string{model.PortFailed}},
		{"Open vSwitch could not open it", situation{ports: []portFact{failed}}, "", "", []string{model.PortFailed}},
		{"the host is away", situation{away: []string{"h1"}, was: placeRecord{Host: "h1", Port: "p"}}, "h1", "p", nil},
		{"the host is away for long, and nobody else claims it", situation{away: []string{"h1"}, unreachable: []string{"h1"}, was: placeRecord{Host: "h1", Port: "p"}}, "h1", "p", nil},
		{"the host is away, and another claims it", situation{away: []string{"h1"}, ports: []portFact{iface("h2", "q")}, was: placeRecord{Host: "h1", Port: "p"}}, "h1", "p", []string{model.ClaimRefused}},
		{"the host is away for long, and another claims it", situation{away: []string{"h1"}, unreachable: []string{"h1"}, ports: []portFact{iface("h2", "q")}, was: placeRecord{Host: "h1", Port: "p"}}, "h2", "q", nil},
		{"what a host showed before it went claims nothing", situation{away: []string{"h1"}, ports: []portFact{iface("h1", "p")}}, "", "", nil},
		{"pinned", situation{endpoint: model.Endpoint{Host: "h2"}, ports: []portFact{iface("h1", "p"), iface("h2", "q")}}, "h2", "q", []string{model.ClaimRefused}},
		{"pinned away from its holder", situation{endpoint: model.Endpoint{Host: "h2"}, ports: []portFact{iface("h1", "p"), iface("h2", "q")}, was: placeRecord{Host: "h1", Port: "p"}}, "h2", "q", []string{model.ClaimRefused}},
		{"pinned to where no port is", situation{endpoint: model.Endpoint{Host: "h3"}, ports: []portFact{iface("h1", "p")}, was: placeRecord{Host: "h1", Port: "p"}}, "", "", []string{model.ClaimRefused}},
		{"pinned to nobody", situation{endpoint: model.Endpoint{Host: "h9"}, ports: []portFact{iface("h1", "p")}}, "", "", []string{model.ClaimRefused}},
		{"by container", situation{endpoint: model.Endpoint{Container: "doc1"}, ports: []portFact{docker("h1", "p")}}, "h1", "p", nil},
		{"a container's name on two hosts", situation{endpoint: model.Endpoint{Container: "doc1"}, ports: []portFact{docker("h1", "p"), docker("h2", "q")}}, "", "", []string{model.AmbiguousContainer}},
		{"a container's name on two hosts, pinned", situation{endpoint: model.Endpoint{Container: "doc1", Host: "h2"}, ports: []portFact{docker("h1", "p"), docker("h2", "q")}}, "h2", "q", []string{model.ClaimRefused}},
		{"a container's name on a second host later", situation{endpoint: model.Endpoint{Container: "doc1"}, ports: []portFact{docker("h1", "p"), docker("h2", "q")}, was: placeRecord{Host: "h2", Port: "q"}}, "h2", "q", []string{model.ClaimRefused}},
		{"another interface of the container", situation{endpoint: model.Endpoint{Container: "doc1", Interface: "eth1"}, ports: []portFact{docker("h1", "p")}}, "", "", nil},
		{"an iface-id outweighs the container", situation{endpoint: model.Endpoint{Container: "doc1"}, ports: []portFact{other}}, "", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.decide(t)
			if host := strings.TrimPrefix(got.Host, "id-"); host != c.host || got.Port != c.port {
				t.Errorf("it is at %q %q, not %q %q", host, got.Port, c.host, c.port)
			}
			var types []string
			for _, condition := range got.Conditions {
				types = append(types, condition.Type)
			}
			if strings.Join(types, " ") != strings.Join(c.conditions, " ") {
				t.Errorf("conditions %v, not %v: %v", types, c.conditions, got.Conditions)
			}
		})
	}
}
