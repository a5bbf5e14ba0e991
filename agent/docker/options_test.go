package docker

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/docker/go-plugins-helpers/network"
	mobynetwork "github.com/moby/moby/api/types/network"

	"github.com/weft-sdn/weft/model"
)

// asked is what Docker sends for a docker network create.
func asked(options map[string]any, internal bool, pools ...*network.IPAMData) *network.CreateNetworkRequest {
	r := &network.CreateNetworkRequest{NetworkID: strings.Repeat("a", 64), Options: map[string]any{genericOptions: options, internalOption: internal}}
	for _, p := range pools {
		if strings.Contains(p.Pool, ":") {
			r.IPv6Data = append(r.IPv6Data, p)
		} else {
			r.IPv4Data = append(r.IPv4Data, p)
		}
	}
	return r
}

func pool4() *network.IPAMData {
	return &network.IPAMData{AddressSpace: addressSpace, Pool: "10.0.1.0/24", Gateway: "10.0.1.1/24"}
}

func TestWhatANetworkCreateAsksFor(t *testing.T) {
	local := &model.Gateway{Addresses: []model.Addr{model.MustAddr("10.0.1.1")}}
	subnets := []model.Prefix{model.MustPrefix("10.0.1.0/24")}
	for name, test := range map[string]struct {
		request *network.CreateNetworkRequest
		want    model.Network
	}{
		"a subnet": {asked(nil, false, pool4()), model.Network{Subnets: subnets, Gateway: local}},
		"options": {
			asked(map[string]any{"weft.vni": "5000", "weft.mtu": "1400", "weft.mode": "snat", "weft.gateway-hosts": "a,b", "weft.encap": "vxlan"}, false, pool4()),
			model.Network{Subnets: subnets, VNI: 5000, MTU: 1400, Encap: "vxlan",
				Gateway: &model.Gateway{Mode: model.GatewaySNAT, Addresses: local.Addresses, Hosts: []string{"a", "b"}}},
		},
		"Docker's own MTU":       {asked(map[string]any{dockerMTU: "1400"}, false, pool4()), model.Network{Subnets: subnets, MTU: 1400, Gateway: local}},
		"options of others":      {asked(map[string]any{"com.example": "x"}, false, pool4()), model.Network{Subnets: subnets, Gateway: local}},
		"no gateway":             {asked(map[string]any{"weft.mode": "none"}, false, pool4()), model.Network{Subnets: subnets}},
		"internal":               {asked(nil, true, pool4()), model.Network{Subnets: subnets}},
		"without addresses":      {asked(nil, false, &network.IPAMData{AddressSpace: "null", Pool: "0.0.0.0/0"}), model.Network{}},
		"two families":           {asked(nil, false, pool4(), &network.IPAMData{Pool: "fd00::/64"}), model.Network{Subnets: append(subnets, model.MustPrefix("fd00::/64")), Gateway: local}},
		"no options at all, nil": {&network.CreateNetworkRequest{IPv4Data: []*network.IPAMData{pool4()}}, model.Network{Subnets: subnets, Gateway: local}},
	} {
		got, err := networkOf(test.request)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v with gateway %+v, %v; want %+v", name, got, got.Gateway, err, test.want)
		}
	}
}

func TestOptionsThatMeanNothingAreRefused(t *testing.T) {
	for word, request := range map[string]*network.CreateNetworkRequest{
		"is not a VNI":      asked(map[string]any{"weft.vni": "16777216"}, false, pool4()),
		"weft.vni=0":        asked(map[string]any{"weft.vni": "0"}, false, pool4()),
		"not an MTU":        asked(map[string]any{"weft.mtu": "-1"}, false, pool4()),
		"no option weft.vn": asked(map[string]any{"weft.vn": "1"}, false, pool4()),
		"not a text":        asked(map[string]any{"weft.vni": 5000.0}, false, pool4()),
		"--internal":        asked(map[string]any{"weft.mode": "routed"}, true, pool4()),
		"gateway-hosts":     asked(map[string]any{"weft.mode": "none", "weft.gateway-hosts": "a"}, false, pool4()),
		"not a subnet":      asked(nil, false, &network.IPAMData{Pool: "10.0.1.0"}),
		"not an address":    asked(nil, false, &network.IPAMData{Pool: "10.0.1.0/24", Gateway: "x"}),
	} {
		if _, err := networkOf(request); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v, which should say %q", err, word)
		}
	}
}

func TestWhoseAddressesTheyAre(t *testing.T) {
	for name, test := range map[string]struct {
		data *network.IPAMData
		want bool
	}{
		"ours":            {pool4(), false},
		"Docker's":        {&network.IPAMData{AddressSpace: "LocalDefault", Pool: "10.0.1.0/24"}, true},
		"nobody's (null)": {&network.IPAMData{AddressSpace: "null", Pool: "0.0.0.0/0"}, false},
	} {
		if got := foreign(asked(nil, false, test.data)); got != test.want {
			t.Errorf("%s: foreign is %v", name, got)
		}
	}
}

func TestWhatDockerShowsIsCompared(t *testing.T) {
	n := model.Network{Name: "net1", VNI: 5000, MTU: 1450, Subnets: []model.Prefix{model.MustPrefix("10.0.1.0/24")},
		Gateway: &model.Gateway{Mode: model.GatewayLocal, Addresses: []model.Addr{model.MustAddr("10.0.1.1")}}}
	config := func(subnet, gateway string) []mobynetwork.IPAMConfig {
		c := mobynetwork.IPAMConfig{Subnet: netip.MustParsePrefix(subnet)}
		if gateway != "" {
			c.Gateway = netip.MustParseAddr(gateway)
		}
		return []mobynetwork.IPAMConfig{c}
	}
	show := func(driver string, c []mobynetwork.IPAMConfig, options map[string]string) mobynetwork.Summary {
		return mobynetwork.Summary{Network: mobynetwork.Network{Driver: Name, Options: options, IPAM: mobynetwork.IPAM{Driver: driver, Config: c}}}
	}
	none := n
	none.Gateway = nil
	flat := none
	flat.Subnets = nil
	other := optionsOf(n)
	other[optionMTU] = "1400"
	for name, test := range map[string]struct {
		have mobynetwork.Summary
		n    model.Network
		want bool
	}{
		"as made":                      {show(Name, config("10.0.1.0/24", "10.0.1.1"), optionsOf(n)), n, false},
		"another gateway":              {show(Name, config("10.0.1.0/24", "10.0.1.2"), optionsOf(n)), n, true},
		"another subnet":               {show(Name, config("10.0.2.0/24", "10.0.2.1"), optionsOf(n)), n, true},
		"another MTU":                  {show(Name, config("10.0.1.0/24", "10.0.1.1"), other), n, true},
		"no gateway":                   {show(Name, config("10.0.1.0/24", "0.0.0.0"), optionsOf(none)), none, false},
		"a gateway that is not":        {show(Name, config("10.0.1.0/24", "10.0.1.1"), optionsOf(none)), none, true},
		"layer 2":                      {show(null, nil, optionsOf(flat)), flat, false},
		"a subnet where there is none": {show(Name, config("10.0.1.0/24", ""), optionsOf(flat)), flat, true},
		"subnets that are not shown":   {show(null, nil, optionsOf(n)), n, true},
		"of a person, with no gateway": {show(Name, config("10.0.1.0/24", ""), nil), n, false},
		"of a person, another subnet":  {show(Name, config("10.0.2.0/24", ""), nil), n, true},
		"with Docker's addresses":      {show("default", config("10.0.1.0/24", "10.0.1.1"), nil), n, true},
	} {
		if got := differs(test.have, test.n); got != test.want {
			t.Errorf("%s: differs is %v", name, got)
		}
	}
}

func TestPublishedPorts(t *testing.T) {
	e := model.Endpoint{ID: "0123456789abcdef", Network: "net1"}
	published := func(b ...map[string]any) map[string]any {
		var list []any
		for _, one := range b {
			list = append(list, one)
		}
		return map[string]any{portMap: list}
	}
	got, err := forwards(published(
		map[string]any{"Proto": 6.0, "IP": "", "Port": 80.0, "HostIP": "0.0.0.0", "HostPort": 8080.0, "HostPortEnd": 8080.0},
		map[string]any{"Proto": 17.0, "Port": 53.0, "HostIP": "192.0.2.1", "HostPort": 5353.0}), e)
	want := []model.Forward{
		{ID: "docker-0123456789ab-tcp-8080", Network: "net1", Protocol: model.TCP, Port: 8080, Endpoint: e.ID, EndpointPort: 80},
		{ID: "docker-0123456789ab-udp-5353", Network: "net1", Protocol: model.UDP, Port: 5353, Endpoint: e.ID, EndpointPort: 53, Address: model.MustAddr("192.0.2.1")},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for word, options := range map[string]map[string]any{
		"-p 8080:80":     published(map[string]any{"Proto": 6.0, "Port": 80.0}),
		"as in -p":       published(map[string]any{"Proto": 6.0, "Port": 80.0, "HostPort": 8000.0, "HostPortEnd": 8010.0}),
		"tcp and udp":    published(map[string]any{"Proto": 132.0, "Port": 80.0, "HostPort": 80.0}),
		"not an address": published(map[string]any{"Proto": 6.0, "Port": 80.0, "HostPort": 80.0, "HostIP": "x"}),
		"ports Docker":   {portMap: "all"},
	} {
		if _, err := forwards(options, e); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v, which should say %q", err, word)
		}
	}
	if none, err := forwards(map[string]any{}, e); err != nil || none != nil {
		t.Errorf("nothing published: %v, %v", none, err)
	}
}
