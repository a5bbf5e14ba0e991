package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/go-plugins-helpers/ipam"
	"github.com/docker/go-plugins-helpers/network"

	"github.com/weft-sdn/weft/agent/unixsocket"
	"github.com/weft-sdn/weft/internal/mutate"
	"github.com/weft-sdn/weft/model"
)

// calls are what Docker sends in the life of a container, in its own words.
var calls = []struct{ name, body string }{
	{"NetworkDriver.GetCapabilities", ""},
	{"IpamDriver.GetCapabilities", ""},
	{"IpamDriver.GetDefaultAddressSpaces", ""},
	{"IpamDriver.RequestPool", `{"AddressSpace":"weft","Pool":"10.0.1.0/24","SubPool":"","Options":{"weft.id":"net1"},"V6":false}`},
	{"IpamDriver.RequestAddress", `{"PoolID":"net1/10.0.1.0/24","Address":"10.0.1.1","Options":{"RequestAddressType":"com.docker.network.gateway"}}`},
	{"NetworkDriver.CreateNetwork", `{"NetworkID":"31862aa459e036fca4c03a66493d60ef","Options":{"com.docker.network.enable_ipv6":false,"com.docker.network.generic":{"weft.id":"net1","weft.vni":"5000"}},"IPv4Data":[{"AddressSpace":"weft","Pool":"10.0.1.0/24","Gateway":"10.0.1.1/24","AuxAddresses":null}],"IPv6Data":[]}`},
	{"NetworkDriver.EndpointOperInfo", `{"NetworkID":"3","EndpointID":"6"}`},
	{"NetworkDriver.ProgramExternalConnectivity", `{"NetworkID":"3","EndpointID":"6","Options":{"com.docker.network.endpoint.exposedports":[],"com.docker.network.portmap":[{"Proto":6,"IP":"","Port":80,"HostIP":"","HostPort":8080,"HostPortEnd":8080}]}}`},
	{"NetworkDriver.RevokeExternalConnectivity", `{"NetworkID":"3","EndpointID":"6"}`},
	{"NetworkDriver.Leave", `{"NetworkID":"3","EndpointID":"6"}`},
	{"NetworkDriver.DeleteEndpoint", `{"NetworkID":"3","EndpointID":"6"}`},
	{"IpamDriver.ReleaseAddress", `{"PoolID":"net1/10.0.1.0/24","Address":"10.0.1.2"}`},
	{"NetworkDriver.DeleteNetwork", `{"NetworkID":"31862aa459e036fca4c03a66493d60ef"}`},
	{"IpamDriver.ReleasePool", `{"PoolID":"net1/10.0.1.0/24"}`},
	{"NetworkDriver.DiscoverNew", `{"DiscoveryType":1,"DiscoveryData":{"Address":"192.0.2.1","Self":true}}`},
	{"NetworkDriver.DiscoverDelete", `{"DiscoveryType":1,"DiscoveryData":{}}`},
}

// docker is a caller of the driver's socket.
type docker struct{ client http.Client }

func newDocker(t testing.TB, d *Driver) *docker {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weft.sock")
	l, err := unixsocket.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go d.plugin().Serve(l)
	if _, err := unixsocket.Listen(path); err == nil {
		t.Error("a second agent takes the socket of the first")
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	return &docker{http.Client{Transport: &http.Transport{DialContext: dial}}}
}

func (d *docker) call(t testing.TB, name string, body []byte) (status int, answer []byte) {
	t.Helper()
	response, err := d.client.Post("http://plugin/"+name, "application/vnd.docker.plugins.v1.2+json", bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%s is not answered: %v", name, err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer
}

func TestDockersCallsAreAnswered(t *testing.T) {
	d := newDocker(t, newWeft(t).host("host1", t.TempDir()))
	if status, answer := d.call(t, "Plugin.Activate", nil); status != 200 || !strings.Contains(string(answer), `"NetworkDriver", "IpamDriver"`) {
		t.Errorf("the plugin says it is %d %s", status, answer)
	}
	for _, c := range calls {
		if status, answer := d.call(t, c.name, []byte(c.body)); status != 200 || !json.Valid(answer) {
			t.Errorf("%s: %d %s", c.name, status, answer)
		}
	}
	status, answer := d.call(t, "IpamDriver.RequestPool", []byte(`{}`))
	var refusal struct{ Err string }
	if err := json.Unmarshal(answer, &refusal); err != nil || status != 500 || !strings.Contains(refusal.Err, "--subnet") {
		t.Errorf("a refusal is %d %s", status, answer)
	}
}

func TestBrokenCallsAreAnswered(t *testing.T) {
	d := newDocker(t, newWeft(t).host("host1", t.TempDir()))
	for _, body := range []string{"{", "[]", `"x"`, `{"Options":3}`, `{"IPv4Data":[null]}`, "\x00"} {
		for _, c := range calls {
			if status, answer := d.call(t, c.name, []byte(body)); status != 200 && status != 400 && status != 500 {
				t.Errorf("%s with %s: %d %s", c.name, body, status, answer)
			}
		}
	}
	if status, answer := d.call(t, "NetworkDriver.Join", nil); status != 500 || !strings.Contains(string(answer), "try again") {
		t.Errorf("a call without its body is answered with %d %s", status, answer)
	}
	if status, _ := d.call(t, "NetworkDriver.AllocateNetwork", []byte("{}")); status != 404 {
		t.Errorf("a call for swarms is answered with %d", status)
	}
}

// checkRequest reads the requests of which more is to be understood than JSON.
func checkRequest(t testing.TB, body []byte) {
	var create network.CreateNetworkRequest
	if json.Unmarshal(body, &create) == nil {
		foreign(&create)
		if n, err := networkOf(&create); err == nil {
			n.Name = "net1"
			n.Normalize()
			_ = n.Check() // what is wrong with it the controller says
		}
	}
	var publish network.ProgramExternalConnectivityRequest
	if json.Unmarshal(body, &publish) == nil {
		list, err := forwards(publish.Options, model.Endpoint{ID: id(1), Network: "net1"})
		for _, f := range list {
			if err != nil || f.Port == 0 || f.ID == "" {
				t.Errorf("%s is read as %+v, %v", body, f, err)
			}
		}
	}
	var pool ipam.RequestPoolRequest
	if json.Unmarshal(body, &pool) == nil && pool.Options[optionID] != "" {
		d := &Driver{}
		if a, err := d.requestPool(context.Background(), &pool); err == nil {
			if p, err := d.pool(a.PoolID); err == nil && p.subnet.String() != a.Pool {
				t.Errorf("%s becomes pool %q of %s", body, a.PoolID, p.subnet)
			}
		}
	}
}

func requests() mutate.Corpus {
	var out mutate.Corpus
	for _, c := range calls {
		if c.body != "" {
			out = append(out, []byte(c.body))
		}
	}
	return out
}

func FuzzRequests(f *testing.F) {
	requests().Seed(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkRequest(t, b) })
}

func TestMutants(t *testing.T) { requests().Saved(t, "FuzzRequests").Check(t, checkRequest) }
