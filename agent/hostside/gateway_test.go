package hostside

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/internal/mutate"
)

func TestParseRefuses(t *testing.T) {
	for name, change := range map[string]map[string]string{
		"weft-address is empty":                    {"weft-address": ""},
		"is not a single address":                  {"weft-address": "100.64.0.3/24"},
		"no router for 100.64.0.3":                 {"weft-router": "fd77:6566:7400::7fff"},
		`weft-router: "100.64.0.256"`:              {"weft-router": "100.64.0.256"},
		`"" is not an Ethernet address`:            {"weft-router-mac": ""},
		"is not an Ethernet address":               {"weft-router-mac": "02:00:5e:10:00:00:00:01"},
		"weft-routes: 0.0.0.0/0 cannot be Weft's":  {"weft-routes": "10.0.1.0/24 0.0.0.0/0"},
		"no address of that family":                {"weft-address": "100.64.0.3/32", "weft-router": "100.64.127.255"},
		`"sctp/0.0.0.0:1>100.64.0.7:1": neither`:   {"weft-forwards": "sctp/0.0.0.0:1>100.64.0.7:1"},
		`weft-forwards: "tcp/0.0.0.0:80":`:         {"weft-forwards": "tcp/0.0.0.0:80"},
		`weft-forwards: "tcp/80>100.64.0.7:80":`:   {"weft-forwards": "tcp/80>100.64.0.7:80"},
		"there is no port 0":                       {"weft-forwards": "tcp/0.0.0.0:80>100.64.0.7:0"},
		"cannot lead to an IPv6 address":           {"weft-forwards": "tcp/0.0.0.0:80>[fd77:6566:7400::7]:80"},
		"not a plain IPv4 or IPv6 address":         {"weft-forwards": "tcp/[fe80::1%eth0]:80>[fd77:6566:7400::7]:80"},
		"weft-forwards: 10.0.2.7 is not behind":    {"weft-forwards": "tcp/0.0.0.0:80>10.0.1.7:80 tcp/0.0.0.0:81>10.0.2.7:80"},
		"weft-forwards: 0.0.0.0:80 is there twice": {"weft-forwards": "tcp/0.0.0.0:80>100.64.0.7:80 tcp/0.0.0.0:80>100.64.0.8:80"},
	} {
		ids := externalIDs()
		maps.Copy(ids, change)
		if _, err := Parse(ids); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: the error is %v, wanted is one with %q", change, err, name)
		}
	}
}

func TestParseReads(t *testing.T) {
	ids := externalIDs()
	ids["weft-routes"] = " 10.0.1.7/24  10.0.2.0/24 "
	g := parsed(t, ids)
	if len(g.Routes) != 2 || g.Routes[0] != netip.MustParsePrefix("10.0.1.0/24") {
		t.Errorf("routes: %v", g.Routes)
	}
	if f := g.Forwards[1]; f.Protocol != 6 || f.At != netip.MustParseAddrPort("[::]:8080") || f.To != netip.MustParseAddrPort("[fd77:6566:7400::1:7]:80") {
		t.Errorf("the second forward: %+v", f)
	}
	delete(ids, "weft-routes")
	delete(ids, "weft-forwards")
	if g := parsed(t, ids); len(g.Routes)+len(g.Forwards) != 0 {
		t.Errorf("absent keys became %v, %v", g.Routes, g.Forwards)
	}
}

// checkParse takes lines of key=value as what is in the database. Whatever it
// is, Parse returns, and what it accepts can be made into sets and routes.
func checkParse(t testing.TB, b []byte) {
	ids := make(map[string]string)
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		ids[key] = value
	}
	g, err := Parse(ids)
	if err != nil {
		return
	}
	for _, s := range wantedSets(g) {
		seen := make(map[element]bool)
		for _, e := range s.elements {
			if e.value = ""; seen[e] {
				t.Errorf("%s has the key %x twice", s.name, e.key)
			}
			seen[e] = true
		}
	}
	for r := range wantedRoutes(g) {
		if !r.via.IsValid() || !r.source.IsValid() || r.via.Is4() != r.to.Addr().Is4() {
			t.Errorf("route %+v", r)
		}
	}
}

func databases(t testing.TB) mutate.Corpus {
	lines := func(ids map[string]string) (b []byte) {
		for _, key := range slices.Sorted(maps.Keys(ids)) {
			b = fmt.Appendf(b, "%s=%s\n", key, ids[key])
		}
		return b
	}
	other := externalIDs()
	other["weft-forwards"] = "tcp/0.0.0.0:8080>100.65.0.7:80 udp/[::]:1>[fd77:6566:7400::1]:65535"
	other["weft-routes"] = "128.0.0.0/1 255.255.255.255/32 ff00::/8 10.0.0.0/8 10.0.1.0/24"
	return mutate.Corpus{lines(externalIDs()), lines(other)}.Saved(t, "FuzzParse")
}

func FuzzParse(f *testing.F) {
	databases(f).Seed(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkParse(t, b) })
}

func TestMutants(t *testing.T) { databases(t).Check(t, checkParse) }

// What the table's maps hold can be read back.
func TestForwardsOfElements(t *testing.T) {
	g := parsed(t, externalIDs())
	have := contents{elements: make(map[string]map[element]bool)}
	for _, s := range wantedSets(g) {
		have.elements[s.name] = make(map[element]bool)
		for _, e := range s.elements {
			have.elements[s.name][e] = true
		}
	}
	got := have.forwards()
	for _, f := range g.Forwards {
		if !slices.Contains(got, f) {
			t.Errorf("%v is missing in %v", f, got)
		}
	}
	if len(got) != len(g.Forwards) {
		t.Errorf("%d forwards became %d", len(g.Forwards), len(got))
	}
	if transit := have.transit(); !slices.Equal(transit, g.Transit) {
		t.Errorf("transit prefixes became %v", transit)
	}
}

func TestIntervals(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "",
		"10.0.1.0/24":                          "10.0.1.0 10.0.2.0!",
		"10.0.0.0/8 10.0.1.0/24 10.0.0.0/8":    "10.0.0.0 11.0.0.0!",
		"10.0.1.0/25 10.0.1.128/25":            "10.0.1.0 10.0.1.128! 10.0.1.128 10.0.2.0!",
		"128.0.0.0/1":                          "128.0.0.0",
		"10.0.1.7/32 fd77::/64":                "10.0.1.7 10.0.1.8!",
		"10.0.1.0/24 10.0.1.0/26 10.0.1.64/26": "10.0.1.0 10.0.2.0!",
	} {
		var prefixes []netip.Prefix
		for _, p := range strings.Fields(text) {
			prefixes = append(prefixes, netip.MustParsePrefix(p))
		}
		var got []string
		for _, e := range intervals(prefixes, true) {
			a, _ := netip.AddrFromSlice([]byte(e.key))
			got = append(got, a.String()+map[bool]string{true: "!"}[e.end])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, wanted %q", text, got, want)
		}
	}
}
