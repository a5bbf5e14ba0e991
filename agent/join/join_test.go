package join

import (
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/internal/ovstest"
	"github.com/weft-sdn/weft/membership"
)

func TestWhatPeopleHaveSetIsTheirs(t *testing.T) {
	wanted := settings{keyVTEP: "192.0.2.1", keyMTU: "1500"}
	for _, c := range []struct {
		name        string
		mine, there map[string]string
		want        settings
	}{
		{"nothing is there", nil, nil, wanted},
		{"all is right", nil, wanted, settings{}},
		{"a person has set one", nil, map[string]string{keyVTEP: "198.51.100.1"}, settings{keyMTU: "1500"}},
		{"ours is outdated", map[string]string{keyVTEP: "192.0.2.9"}, map[string]string{keyVTEP: "192.0.2.9", keyMTU: "1500"}, settings{keyVTEP: "192.0.2.1"}},
		{"a person has changed ours", map[string]string{keyVTEP: "192.0.2.1"}, map[string]string{keyVTEP: "198.51.100.1", keyMTU: "1500"}, settings{}},
		{"a person has removed ours", map[string]string{keyVTEP: "192.0.2.1"}, map[string]string{keyMTU: "1500"}, settings{keyVTEP: "192.0.2.1"}},
		{"a person has set it to nothing", nil, map[string]string{keyVTEP: "", keyMTU: "1500"}, settings{}},
	} {
		if diff := cmp.Diff(c.want, settings(c.mine).changes(c.there, wanted)); diff != "" {
			t.Errorf("%s: - want, + got:\n%s", c.name, diff)
		}
	}
}

func TestOneControllerIsFollowed(t *testing.T) {
	at := func(name, ovsdb string) membership.Member {
		m := membership.Member{Name: name, Role: membership.Controller, State: membership.Alive}
		if ovsdb != "" {
			m.Facts.OVSDB = netip.MustParseAddrPort(ovsdb)
		}
		return m
	}
	a, b, silent := at("controller@a", "192.0.2.1:6640"), at("controller@b", "192.0.2.2:6640"), at("controller@0", "")
	for _, c := range []struct {
		name     string
		there    []membership.Member
		followed string
		want     string
	}{
		{"nobody", nil, "tcp:192.0.2.1:6640", ""},
		{"one that does not say where", []membership.Member{silent}, "", ""},
		{"the first by name", []membership.Member{b, a, silent}, "", "controller@a"},
		{"the one that is followed", []membership.Member{a, b}, "tcp:192.0.2.2:6640", "controller@b"},
		{"another, when that has gone", []membership.Member{a}, "tcp:192.0.2.2:6640", "controller@a"},
	} {
		if got, ok := pick(c.there, c.followed); got.Name != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, %t", c.name, got.Name, ok)
		}
	}
}

func TestTheLocalDatabaseIsReadAndPointed(t *testing.T) {
	o := ovstest.Start(t)
	ovs, err := newOpenVSwitch("unix:" + o.Path("db.sock"))
	if err != nil {
		t.Fatal(err)
	}
	odd := `a "quoted", odd = value`
	dir := t.TempDir()
	h := &host{ovs: ovs, cfg: Config{StateDir: dir, Log: slog.New(slog.DiscardHandler)}, set: settings{}, card: membership.Card{Token: membership.Token{Cluster: "c1"}}}
	r, err := ovs.root(t.Context())
	if err != nil || len(r.systemID) != 36 {
		t.Fatalf("without a system-id: %+v, %v", r, err)
	}
	if _, err := h.apply(t.Context(), r.externalIDs, settings{"odd": odd, keyVTEP: "2001:db8::1"}); err != nil {
		t.Fatal(err)
	}
	o.VSCtl("set", "Open_vSwitch", ".", "external_ids:system-id=me")
	r, err = ovs.root(t.Context())
	if err != nil || r.systemID != "me" || r.externalIDs["odd"] != odd || r.externalIDs[keyVTEP] != "2001:db8::1" {
		t.Errorf("read %+v, %v", r, err)
	}
	if again, err := loadSettings(dir); err != nil || again["odd"] != odd {
		t.Errorf("remembered %v, %v", again, err)
	}
	o.VSCtl("set-manager", "ptcp:6699:127.0.0.1")
	for _, want := range []string{"tcp:192.0.2.1:6640", "tcp:192.0.2.1:6640", "tcp:[2001:db8::1]:6640"} {
		managers, err := ovs.managers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := h.point(t.Context(), managers, want); err != nil {
			t.Fatal(err)
		}
		if managers, err = ovs.managers(t.Context()); err != nil || len(managers) != 2 || followed(managers, "c1") != want {
			t.Errorf("the managers are %+v, %v", managers, err)
		}
	}
	if err := h.withdraw(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	managers, err := ovs.managers(t.Context())
	if err != nil || len(managers) != 1 || managers[0].target != "ptcp:6699:127.0.0.1" {
		t.Errorf("afterwards the managers are %+v, %v", managers, err)
	}
}

func TestTablesOfOVSVSCtl(t *testing.T) {
	if rows, err := parseTable([]byte("\n")); err != nil || rows != nil {
		t.Errorf("nothing: %v, %v", rows, err)
	}
	for _, broken := range []string{"{", `{"data":[[1]],"headings":[]}`, `[]`} {
		if _, err := parseTable([]byte(broken)); err == nil {
			t.Errorf("%s is taken for a table", broken)
		}
	}
}

func TestTheAddressIsFound(t *testing.T) {
	p, err := find(netip.MustParseAddr("127.0.0.1"))
	if err != nil || p.device != "lo" || p.mtu < 1500 {
		t.Errorf("found %+v, %v", p, err)
	}
}

func TestOneAgentForAStateDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	unlock, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(dir); err == nil {
		t.Error("a second agent is let in")
	}
	unlock()
	if again, err := lock(dir); err != nil {
		t.Error(err)
	} else {
		again()
	}
}
