package lab

import (
	"fmt"
	"net/netip"
	"os"
	"reflect"

	"sigs.k8s.io/yaml"

	"github.com/weft-sdn/weft/model"
)

// Topology is a topology file: what to build, what to declare to the
// controller, and what must then hold.
type Topology struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`

	Underlay   Underlay        `json:"underlay"`
	Controller ControllerSpec  `json:"controller,omitzero"`
	Hosts      []HostSpec      `json:"hosts"`
	Containers []ContainerSpec `json:"containers,omitempty"`

	// What is declared: the body of POST /apply.
	Networks  []model.Network  `json:"networks,omitempty"`
	Endpoints []model.Endpoint `json:"endpoints,omitempty"`
	Routers   []model.Router   `json:"routers,omitempty"`

	Expect []Expectation `json:"expect,omitempty"`
}

// Underlay is the network that the hosts stand in: segments, joined by one
// router that has an address in each.
type Underlay struct {
	MTU      int                     `json:"mtu,omitempty"` // default 1500
	Segments map[string]netip.Prefix `json:"segments"`
	Router   map[string]netip.Addr   `json:"router,omitempty"` // its address in a segment; default the first free one
}

// ControllerSpec places the controller. Without an address it stands in a
// segment of its own behind the router.
type ControllerSpec struct {
	Address netip.Prefix `json:"address,omitzero"`
}

// HostSpec is one host; its address says which segment it is in.
type HostSpec struct {
	Name    string       `json:"name"`
	Address netip.Prefix `json:"address"`
}

// ContainerSpec is one container: a namespace on a host with one interface. An
// endpoint that has `container` set is met by container_id and container_iface,
// as the stock ovs-docker does it, any other one by iface-id.
type ContainerSpec struct {
	Name     string `json:"name"`
	Host     string `json:"host"`
	Endpoint string `json:"endpoint,omitempty"` // NAME or NETWORK/NAME; default the container's name
}

// Expectation is one thing that must hold once the topology is up.
type Expectation struct {
	From    string   `json:"from"`
	To      string   `json:"to"`
	Reaches *bool    `json:"reaches,omitempty"` // ping, TCP and UDP, or none of them and no frame either
	Bulk    ByteSize `json:"bulk,omitzero"`     // so much over one TCP connection
	// Neighbour "local": ARP and neighbour discovery between the two are
	// answered on their own hosts; no question crosses the tunnel.
	Neighbour string `json:"neighbour,omitempty"`
}

const neighbourLocal = "local"

func (e Expectation) String() string {
	switch {
	case e.Reaches != nil && !*e.Reaches:
		return fmt.Sprintf("%s does not reach %s", e.From, e.To)
	case e.Bulk != 0:
		return fmt.Sprintf("%s reaches %s with %s", e.From, e.To, e.Bulk)
	case e.Neighbour != "":
		return fmt.Sprintf("%s finds %s without asking over the tunnel", e.From, e.To)
	}
	return fmt.Sprintf("%s reaches %s", e.From, e.To)
}

// Load reads and checks a topology file.
func Load(file string) (*Topology, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read topology: %w", err)
	}
	t, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return t, nil
}

// Parse reads and checks the text of a topology file.
func Parse(text []byte) (*Topology, error) {
	raw, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, err
	}
	t := &Topology{}
	if err := decodeStrict("", raw, reflect.ValueOf(t).Elem()); err != nil {
		return nil, err
	}
	t.fillDefaults()
	if err := t.check(); err != nil {
		return nil, err
	}
	return t, nil
}

// Document is what the topology declares to the controller.
func (t *Topology) Document() model.Document {
	return model.Document{Networks: t.Networks, Endpoints: t.Endpoints, Routers: t.Routers}
}

const (
	defaultUnderlayMTU = 1500 // Ethernet's

	// The controller's own segment when the file gives it none: addresses
	// set aside for testing between networks (RFC 2544, RFC 6890).
	controllerSegment = "ctl"
	controllerAddress = "198.18.0.2/24"
)

func (t *Topology) fillDefaults() {
	if t.Underlay.MTU == 0 {
		t.Underlay.MTU = defaultUnderlayMTU
	}
	for i := range t.Containers {
		if c := &t.Containers[i]; c.Endpoint == "" {
			c.Endpoint = c.Name
		}
	}
	if !t.Controller.Address.IsValid() {
		t.Controller.Address = netip.MustParsePrefix(controllerAddress)
		if _, taken := t.Underlay.Segments[controllerSegment]; !taken && t.Underlay.Segments != nil {
			t.Underlay.Segments[controllerSegment] = t.Controller.Address.Masked()
		}
	}
	t.chooseRouterAddresses()
}

// chooseRouterAddresses gives the router the first address of every segment
// that no machine of the file has.
func (t *Topology) chooseRouterAddresses() {
	taken := map[netip.Addr]bool{t.Controller.Address.Addr(): true}
	for _, h := range t.Hosts {
		taken[h.Address.Addr()] = true
	}
	for name, subnet := range t.Underlay.Segments {
		if _, given := t.Underlay.Router[name]; given || !subnet.IsValid() {
			continue
		}
		a := subnet.Masked().Addr().Next()
		for a.IsValid() && taken[a] {
			a = a.Next()
		}
		if t.Underlay.Router == nil {
			t.Underlay.Router = map[string]netip.Addr{}
		}
		t.Underlay.Router[name] = a
	}
}

// segmentOf returns the segment whose subnet holds a.
func (u *Underlay) segmentOf(a netip.Addr) (string, bool) {
	for _, name := range sortedKeys(u.Segments) {
		if u.Segments[name].Contains(a) {
			return name, true
		}
	}
	return "", false
}
