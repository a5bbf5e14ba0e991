package flows

import "github.com/weft-sdn/weft/openflow/program"

// PutNIC adds a NIC, or changes it. Its network and its host must be there.
func (f *Fabric) PutNIC(now NIC) {
	was, is := f.nics[now.Number]
	if is && was == now {
		return
	}
	n, h := f.networks[now.VNI], f.hosts[now.Host]
	if n == nil || h == nil {
		return
	}
	if is && was.VNI == now.VNI && was.Host == now.Host {
		f.nics[now.Number], n.nics[now.Number] = now, now
		f.plug(n, now)
		return
	}
	f.DeleteNIC(now.Number)
	network := n.Network
	f.exit(n)
	f.nics[now.Number], n.nics[now.Number] = now, now
	if n.members[now.Host] == nil {
		n.members[now.Host] = map[uint32]struct{}{}
	}
	n.members[now.Host][now.Number] = struct{}{}
	f.enter(n, network)
	f.plug(n, now)
}

// DeleteNIC forgets a NIC.
func (f *Fabric) DeleteNIC(number uint32) {
	c, is := f.nics[number]
	if !is {
		return
	}
	n := f.networks[c.VNI]
	network := n.Network
	f.exit(n)
	delete(f.nics, number)
	delete(n.nics, number)
	delete(n.members[c.Host], number)
	if len(n.members[c.Host]) == 0 {
		delete(n.members, c.Host)
	}
	f.set(c.Host, nicKey(c), nil)
	f.enter(n, network)
}

// plug gives the NIC's host what depends on the number of its port.
func (f *Fabric) plug(n *network, c NIC) {
	var port *program.Fragment
	if c.Port != 0 {
		port = c.port()
	}
	f.set(c.Host, nicKey(c), port)
	f.staleGroups[place{n.VNI, c.Host}] = struct{}{}
}

func nicKey(c NIC) program.Key {
	return program.Key{Kind: uint8(KindNIC), VNI: c.VNI, Owner: c.Number}
}

func (n *network) hasNIC(host uint32) bool {
	for _, c := range n.nics {
		if c.Host == host {
			return true
		}
	}
	return false
}

// nicGroups are where machines behind NICs may be, as seen from a host.
func (f *Fabric) nicGroups(n *network, number uint32) *program.Fragment {
	var here, hosts []uint32
	seen := map[uint32]bool{number: true}
	for _, c := range n.nics {
		if c.Host == number && c.Port != 0 {
			here = append(here, c.Number)
		}
		if !seen[c.Host] && f.hosts[c.Host].VTEP.IsValid() {
			seen[c.Host] = true
			hosts = append(hosts, c.Host)
		}
	}
	return nics(n.VNI, here, hosts)
}
