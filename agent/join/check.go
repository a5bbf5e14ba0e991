package join

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/nftables"

	"github.com/weft-sdn/weft/agent/phy"
	"github.com/weft-sdn/weft/membership"
)

// Finding is what a check found.
type Finding struct {
	What   string
	Level  Level
	Detail string // what is so
	Mend   string // what to do about it
}

// Level says how bad a finding is.
type Level string

// Levels of a finding.
const (
	Fine    Level = "ok"
	Note    Level = "note"    // works, and should be known
	Missing Level = "MISSING" // the host cannot take part, or not wholly
)

// oldestOVS has all that the controller uses; it is tested with 3.1.
var oldestOVS = [2]int{2, 17}

// Check looks for all that a host needs. It changes nothing.
func Check(ctx context.Context, cfg Config) []Finding {
	c := &checker{ctx: ctx, cfg: cfg}
	c.privileges()
	if c.openVSwitch() {
		c.datapath()
		c.connection()
	}
	c.membership()
	c.ports()
	c.clock()
	c.docker()
	c.bridges()
	return c.findings
}

type checker struct {
	ctx      context.Context
	cfg      Config
	ovs      openVSwitch
	here     root
	card     membership.Card
	joined   bool
	findings []Finding
}

func (c *checker) say(what string, level Level, mend, format string, args ...any) {
	c.findings = append(c.findings, Finding{What: what, Level: level, Mend: mend, Detail: fmt.Sprintf(format, args...)})
}

func (c *checker) privileges() {
	const what = "privileges"
	if os.Geteuid() != 0 {
		c.say(what, Missing, "run it with sudo, or by weft-agent.service", "this is not root, and what follows may be wrong")
		return
	}
	nft, err := nftables.New()
	if err == nil {
		_, err = nft.ListTables()
	}
	if err != nil {
		c.say(what, Missing, "modprobe nf_tables, and in a container give it CAP_NET_ADMIN", "nftables cannot be used: %v", err)
		return
	}
	c.say(what, Fine, "", "root, and nftables works")
}

// openVSwitch reports whether its database answers.
func (c *checker) openVSwitch() bool {
	const what = "Open vSwitch"
	var err error
	if c.ovs, err = newOpenVSwitch(c.cfg.OVSDB); err == nil {
		c.here, err = c.ovs.root(c.ctx)
	}
	if err != nil {
		c.say(what, Missing, "apt install openvswitch-switch; systemctl start openvswitch-switch", "its database does not answer: %v", err)
		return false
	}
	runs, err := c.ovs.vswitchd(c.ctx)
	major, minor, known := version(runs)
	switch {
	case err != nil:
		c.say(what, Missing, "systemctl restart openvswitch-switch; its log is /var/log/openvswitch/ovs-vswitchd.log", "ovs-vswitchd does not answer: %v", err)
	case known && (major < oldestOVS[0] || major == oldestOVS[0] && minor < oldestOVS[1]):
		c.say(what, Missing, fmt.Sprintf("install %d.%d or newer", oldestOVS[0], oldestOVS[1]), "version %s is too old", runs)
	default:
		c.say(what, Fine, "", "version %s runs, system-id %s", runs, c.here.systemID)
	}
	return true
}

// version reads the first two numbers of one.
func version(text string) (major, minor int, ok bool) {
	parts := strings.SplitN(text, ".", 3)
	if len(parts) < 2 {
		return 0, 0, false
	}
	major, err := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return major, minor, err == nil && err2 == nil
}

func (c *checker) datapath() {
	const what = "datapath"
	kernel, err := kernelDatapath()
	if err != nil {
		c.say(what, Missing, "", "%v", err)
		return
	}
	chosen := c.here.externalIDs[keyDatapath]
	if kernel && chosen != netdevDatapath {
		c.say(what, Fine, "", "the kernel's")
		return
	}
	p, err := c.place()
	if err != nil {
		c.say(what, Note, "modprobe openvswitch, if this kernel has it", "the userspace one; the way to the controller is not known: %v", err)
		return
	}
	ready, err := phy.Ready(c.ctx, c.ovs.vsctl, p.device)
	switch {
	case err != nil:
		c.say(what, Missing, "", "%v", err)
	case ready:
		c.say(what, Fine, "", "the userspace one, and the underlay's address %s is on its bridge %s", p.vtep, p.device)
	default:
		c.say(what, Missing, "modprobe openvswitch, if this kernel has it; else weft agent --userspace-underlay, which moves "+p.device+" into a bridge",
			"the userspace one, and the underlay's address %s is on %s, so tunnels do not work", p.vtep, p.device)
	}
}

// place is where the host is, as seen from the controller.
func (c *checker) place() (place, error) {
	seed, err := c.seed()
	if err != nil {
		return place{}, err
	}
	at, err := addressOf(c.ctx, seed)
	if err != nil {
		return place{}, err
	}
	return find(at)
}

// seed is where the host joins: as told, or as remembered.
func (c *checker) seed() (string, error) {
	if c.cfg.Address != "" {
		return c.cfg.Address, nil
	}
	card, err := membership.LoadCard(filepath.Join(c.cfg.StateDir, cardFile))
	if err != nil {
		return "", err
	}
	if len(card.Seeds) == 0 {
		return "", errors.New("no address is remembered")
	}
	return card.Seeds[0], nil
}

// connection is that of Open vSwitch to the controller, and what the host says
// of itself there.
func (c *checker) connection() {
	const what = "settings"
	if vtep := c.here.externalIDs[keyVTEP]; strings.HasPrefix(vtep, "127.") || vtep == "::1" {
		c.say(what, Missing, "ovs-vsctl set Open_vSwitch . external_ids:"+keyVTEP+"=ADDRESS", "the tunnel address %s is a loopback address", vtep)
	}
	if p, err := c.place(); err == nil {
		switch set, err := strconv.Atoi(c.here.externalIDs[keyMTU]); {
		case err == nil && set > p.mtu:
			c.say(what, Missing, "ovs-vsctl remove Open_vSwitch . external_ids "+keyMTU+", and the agent sets it", "%s is %d, and %s carries only %d", keyMTU, set, p.device, p.mtu)
		default:
			c.say(what, Fine, "", "tunnels from %s on %s, MTU %d", p.vtep, p.device, p.mtu)
		}
	}
	c.managers()
}

// statusEvery is how often ovsdb-server writes whether a manager is connected.
const statusEvery = 2500 * time.Millisecond

// managers looks at who Open vSwitch calls; those that call it are of no
// interest.
func (c *checker) managers() {
	const what = "manager"
	for deadline := time.Now().Add(2 * statusEvery); ; {
		rows, err := c.ovs.list(c.ctx, "Manager", "target", "is_connected")
		if err != nil {
			c.say(what, Missing, "", "%v", err)
			return
		}
		called, connected := "", ""
		for _, m := range rows {
			if to := m.text("target"); strings.HasPrefix(to, "tcp:") || strings.HasPrefix(to, "ssl:") {
				called = to
				if string(m["is_connected"]) == "true" {
					connected = to
				}
			}
		}
		switch {
		case connected != "":
			c.say(what, Fine, "", "%s is connected", connected)
		case called == "":
			c.say(what, Missing, "start the agent, or ovs-vsctl set-manager tcp:CONTROLLER:6640", "Open vSwitch is pointed at no controller")
		case time.Now().After(deadline):
			c.say(what, Missing, "look at the ports below, and at weft host list on the controller", "%s is not connected", called)
		default:
			select {
			case <-time.After(retry):
				continue
			case <-c.ctx.Done():
			}
		}
		return
	}
}
