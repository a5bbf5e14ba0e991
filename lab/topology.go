package lab

import (
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"slices"

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
	Internet   InternetSpec    `json:"internet,omitzero"`
	Hosts      []HostSpec      `json:"hosts"`
	Machines   []MachineSpec   `json:"machines,omitempty"`
	Containers []ContainerSpec `json:"containers,omitempty"`

	// What is declared: the body of POST /apply, and what has calls of its own.
	Networks  []model.Network  `json:"networks,omitempty"`
	Endpoints []model.Endpoint `json:"endpoints,omitempty"`
	Routers   []model.Router   `json:"routers,omitempty"`
	Forwards  []model.Forward  `json:"forwards,omitempty"`
	NICs      []model.NIC      `json:"nics,omitempty"`

	Expect []Expectation `json:"expect,omitempty"`
}

// Underlay is the network that the hosts stand in: segments, joined by one
// router that has an address in each.
type Underlay struct {
	MTU       int                     `json:"mtu,omitempty"` // default 1500
	Segments  map[string]netip.Prefix `json:"segments"`
	Segments6 map[string]netip.Prefix `json:"segments6,omitempty"` // IPv6 besides IPv4 in a segment
	Router    map[string]netip.Addr   `json:"router,omitempty"`    // its address in a segment; default the first free one

	// Links and Groups are what the controller is told of which hosts reach each
	// other directly. In the lab all do.
	Links  []model.Link  `json:"links,omitempty"`
	Groups []model.Group `json:"groups,omitempty"`
}

// InternetSpec is a machine behind the router that knows the hosts' subnets and
// nothing of what is on top of them. Without addresses there is none.
type InternetSpec struct {
	Addresses []netip.Prefix `json:"addresses,omitempty"`
}

// ControllerSpec places the controller. Without an address it stands in a
// segment of its own behind the router.
type ControllerSpec struct {
	Address netip.Prefix `json:"address,omitzero"`
}

// HostSpec is one host; its address says which segment it is in.
type HostSpec struct {
	Name     string            `json:"name"`
	Address  netip.Prefix      `json:"address"`
	Address6 netip.Prefix      `json:"address6,omitzero"` // in segments6, besides the other
	Agent    *bool             `json:"agent,omitempty"`   // whether it runs weft agent; default if packets leave any network, or it is in one itself
	NICs     map[string]string `json:"nics,omitempty"`    // further interfaces, each with the LAN that it is plugged into
}

func (h HostSpec) addresses() []netip.Prefix {
	if h.Address6.IsValid() {
		return []netip.Prefix{h.Address, h.Address6}
	}
	return []netip.Prefix{h.Address}
}

// MachineSpec is a machine that knows nothing of Weft: it is plugged into a LAN,
// as are NICs of hosts.
type MachineSpec struct {
	Name      string         `json:"name"`
	LAN       string         `json:"lan"`
	Addresses []netip.Prefix `json:"addresses,omitempty"`
	Gateway   []netip.Addr   `json:"gateway,omitempty"` // of its default routes
}

// ContainerSpec is one container: a namespace on a host with one interface. An
// endpoint that has `container` set is met by container_id and container_iface,
// as the stock ovs-docker does it, any other one by iface-id.
type ContainerSpec struct {
	Name     string `json:"name"`
	Host     string `json:"host"`
	Endpoint string `json:"endpoint,omitempty"` // NAME or NETWORK/NAME; default the container's name
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

// Document is what the topology declares to the controller in one transaction.
func (t *Topology) Document() model.Document {
	d := model.Document{Networks: t.Networks, Endpoints: t.Endpoints, Routers: t.Routers}
	if t.linked() {
		d.Underlay = &model.Underlay{Links: t.Underlay.Links, Groups: t.Underlay.Groups}
	}
	return d
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
		if t.Underlay.Router == nil {
			t.Underlay.Router = map[string]netip.Addr{}
		}
		t.Underlay.Router[name] = firstFree(subnet, taken)
	}
}

// firstFree is the first address of a subnet that is not taken, and not the
// subnet's own.
func firstFree(subnet netip.Prefix, taken map[netip.Addr]bool) netip.Addr {
	a := subnet.Masked().Addr().Next()
	for a.IsValid() && taken[a] {
		a = a.Next()
	}
	return a
}

// router6 is the router's second address in a segment, invalid without one.
func (t *Topology) router6(segment string) netip.Addr {
	subnet, ok := t.Underlay.Segments6[segment]
	if !ok {
		return netip.Addr{}
	}
	taken := map[netip.Addr]bool{}
	for _, h := range t.Hosts {
		taken[h.Address6.Addr()] = true
	}
	return firstFree(subnet, taken)
}

// leaves reports whether packets leave any network of the topology by the
// kernel of a host.
func (t *Topology) leaves() bool {
	return slices.ContainsFunc(t.Networks, func(n model.Network) bool {
		mode := n.GatewayMode()
		return mode == model.GatewayRouted || mode == model.GatewaySNAT
	})
}

// runsAgent reports whether a host runs weft agent.
func (t *Topology) runsAgent(h HostSpec) bool {
	if h.Agent != nil {
		return *h.Agent
	}
	return t.leaves() || slices.ContainsFunc(t.Endpoints, func(e model.Endpoint) bool { return e.Kind == model.KindHost && e.Host == h.Name })
}

// linked reports whether the topology says which hosts reach each other directly.
func (t *Topology) linked() bool { return len(t.Underlay.Links)+len(t.Underlay.Groups) > 0 }

// lans are the names of all LANs, in order: those that a NIC of a host or a
// machine is plugged into.
func (t *Topology) lans() []string {
	names := map[string]bool{}
	for _, h := range t.Hosts {
		for _, lan := range h.NICs {
			names[lan] = true
		}
	}
	for _, m := range t.Machines {
		names[m.LAN] = true
	}
	return sortedKeys(names)
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
