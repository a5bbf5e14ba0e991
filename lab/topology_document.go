package lab

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/model"
)

// checkDocument checks what the controller would refuse as well, so that a
// mistake shows before anything is built. The rest is the controller's to say.
func (t *Topology) checkDocument() error {
	networks := map[string]*model.Network{}
	for i := range t.Networks {
		n := t.Networks[i]
		n.Normalize()
		if err := n.Check(); err != nil {
			return fmt.Errorf("networks[%d].%w", i, err)
		}
		networks[n.Name] = &n
	}
	for i := range t.Endpoints {
		e := t.Endpoints[i]
		n := networks[e.Network]
		if n == nil {
			return fmt.Errorf("endpoints[%d].network: %q is not in this file: its networks are: %s", i, e.Network, strings.Join(sortedKeys(networks), ", "))
		}
		e.Normalize()
		if err := e.Check(n); err != nil {
			return fmt.Errorf("endpoints[%d].%w", i, err)
		}
	}
	return t.checkRest(networks)
}

// checkRest checks what else is declared besides networks and endpoints.
func (t *Topology) checkRest(networks map[string]*model.Network) error {
	for i, r := range t.Routers {
		if err := r.Check(); err != nil {
			return fmt.Errorf("routers[%d].%w", i, err)
		}
	}
	for i := range t.Forwards {
		f := t.Forwards[i]
		if networks[f.Network] == nil {
			return fmt.Errorf("forwards[%d].network: %q is not in this file: its networks are: %s", i, f.Network, strings.Join(sortedKeys(networks), ", "))
		}
		f.Normalize()
		if err := f.Check(); err != nil {
			return fmt.Errorf("forwards[%d].%w", i, err)
		}
	}
	for i, n := range t.NICs {
		at := slices.IndexFunc(t.Hosts, func(h HostSpec) bool { return h.Name == n.Host })
		if at < 0 {
			return fmt.Errorf("nics[%d].host: %q is not a host of this file", i, n.Host)
		}
		if err := n.Check(); err != nil {
			return fmt.Errorf("nics[%d].%w", i, err)
		}
		if networks[n.Network] == nil {
			return fmt.Errorf("nics[%d].network: %q is not in this file: its networks are: %s", i, n.Network, strings.Join(sortedKeys(networks), ", "))
		}
		if t.Hosts[at].NICs[n.Interface] == "" {
			return fmt.Errorf("nics[%d].interface: host %s has no %s in this file: add it to its nics", i, n.Host, n.Interface)
		}
	}
	return nil
}
