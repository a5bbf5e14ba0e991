package membership

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"
)

// DefaultPort is where members gossip, by UDP and TCP. It is not memberlist's
// own 7946, which Docker's swarm has on the same hosts.
const DefaultPort = 7948

// DefaultForgetAfter is for how long a member that is dead or has left is shown
// and, if dead, looked for: over a long weekend.
const DefaultForgetAfter = 96 * time.Hour

// Config is what Join needs.
type Config struct {
	Cluster string // its id; members of others are never seen
	Name    string // one for each member
	Role    Role
	Facts   Facts

	Keys     []Key // the first is written with, all are read with
	Insecure bool  // lets gossip be without any key

	// Seeds are members, as host or host:port, to join the cluster at. They are
	// asked again as long as they are not seen alive. A controller gives those
	// that it knew before it was restarted; without any, half a minute may pass
	// until the agents find it.
	Seeds []string

	Bind netip.AddrPort // default: all addresses, DefaultPort
	// Advertise is where others reach this member. The default is the address
	// from which this host reaches the first seed, or a private address of it.
	Advertise netip.AddrPort

	// Wide says that members are far apart, with more than some 100 ms or a
	// lossy way between them.
	Wide bool

	ForgetAfter time.Duration // default: DefaultForgetAfter

	// Changed is told of transitions, one after the other. It may take its time.
	Changed func(Change)
	Log     *slog.Logger

	// Transport takes the place of UDP and TCP sockets; Bind and Advertise are
	// not looked at then.
	Transport memberlist.Transport
}

func (c *Config) check() error {
	if err := checkText("cluster id", c.Cluster, maxCluster); err != nil {
		return err
	}
	if err := checkText("name", c.Name, maxName); err != nil {
		return err
	}
	if err := checkKeys(c.Keys); err != nil {
		return err
	}
	if len(c.Keys) == 0 && !c.Insecure {
		return errors.New("there is no gossip key, so anybody could join and read along: use a token that has one, or ask for --insecure")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.ForgetAfter <= 0 {
		c.ForgetAfter = DefaultForgetAfter
	}
	if !c.Bind.IsValid() {
		c.Bind = netip.AddrPortFrom(netip.IPv4Unspecified(), DefaultPort)
	}
	return nil
}

// label stands before each packet and stream, in clear but authenticated: what
// has another one is dropped before anything of it is read.
func (c *Config) label() string { return labelPrefix + c.Cluster }

const labelPrefix = "weft:"

// tuned is memberlist's configuration: its own defaults, and what differs.
func (c *Config) tuned() *memberlist.Config {
	// LAN: one probe a second, half a second for the answer. What this costs and
	// how soon a dead member is seen is measured (docs/decisions/gossip-facts.md).
	conf := memberlist.DefaultLANConfig()
	if c.Wide {
		conf = memberlist.DefaultWANConfig()
	}
	conf.Name = c.Name
	conf.Label = c.label()

	// A host that was installed anew, or moved, comes back under its name with
	// another address. Zero, the default, would keep its place for the dead
	// one until that is forgotten. One second is no protection against theft: who
	// has the key is trusted.
	conf.DeadNodeReclaimTime = time.Second

	// A packet is mostly encrypted small numbers and addresses; memberlist's LZW
	// allocates 64 KiB for each one that it tries.
	conf.EnableCompression = false
	return conf
}

// listen decides on sockets and on the address to be told to others.
func (c *Config) listen(conf *memberlist.Config) error {
	if c.Transport != nil {
		conf.Transport = c.Transport
		return nil
	}
	conf.BindAddr, conf.BindPort = c.Bind.Addr().String(), int(c.Bind.Port())
	if c.Advertise.IsValid() {
		conf.AdvertiseAddr, conf.AdvertisePort = c.Advertise.Addr().String(), int(c.Advertise.Port())
		return nil
	}
	if c.Bind.Addr().IsUnspecified() && len(c.Seeds) > 0 {
		at, err := towards(c.Seeds[0])
		if err != nil {
			return err
		}
		if at.Is6() && c.Bind.Addr().Is4() {
			conf.BindAddr = netip.IPv6Unspecified().String() // which takes IPv4, too
		}
		conf.AdvertiseAddr, conf.AdvertisePort = at.String(), int(c.Bind.Port())
	}
	return nil
}

// towards finds the address from which this host would send to another. Nothing
// is sent.
func towards(seed string) (netip.Addr, error) {
	conn, err := net.Dial("udp", withPort(seed))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("find the address from which %s is reached: %w: is the address right and the network up? Else say which address others reach this host at", seed, err)
	}
	defer func() { _ = conn.Close() }()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}

// withPort adds the default port where there is none.
func withPort(at string) string {
	if ip, err := netip.ParseAddr(at); err == nil {
		return netip.AddrPortFrom(ip, DefaultPort).String()
	}
	if _, _, err := net.SplitHostPort(at); err == nil {
		return at
	}
	return net.JoinHostPort(at, fmt.Sprint(DefaultPort))
}
