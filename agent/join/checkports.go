package join

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/weft-sdn/weft/membership"
)

const (
	// checkTimeout bounds one question to another machine.
	checkTimeout = 3 * time.Second
	// Certificates, logs and people go by the clock; Weft itself does not.
	tolerableSkew = 5 * time.Second
)

func (c *checker) membership() {
	const what = "membership"
	card, err := membership.LoadCard(filepath.Join(c.cfg.StateDir, cardFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.say(what, Missing, "run here the line that weft token prints on the controller", "this host has not joined a cluster")
		return
	case err != nil:
		c.say(what, Missing, "", "%v", err)
		return
	}
	c.card, c.joined = card, true
	unlock, err := lock(c.cfg.StateDir)
	if err == nil {
		unlock()
		c.say(what, Missing, "systemctl enable --now weft-agent", "of cluster %s, and no agent runs", card.Token.Cluster)
		return
	}
	c.say(what, Fine, "", "of cluster %s, and the agent runs", card.Token.Cluster)
}

// ports are those of the controller. Whether UDP gets through shows only in the
// gossip itself.
func (c *checker) ports() {
	seed, err := c.seed()
	if err != nil {
		return // the membership said so
	}
	name, gossip := seed, fmt.Sprint(membership.DefaultPort)
	if h, p, err := net.SplitHostPort(seed); err == nil {
		name, gossip = h, p
	}
	for _, port := range []struct{ number, purpose string }{{"6640", "OVSDB"}, {"6653", "OpenFlow"}, {gossip, "gossip"}} {
		what := "port " + port.number
		conn, err := (&net.Dialer{Timeout: checkTimeout}).DialContext(c.ctx, "tcp", net.JoinHostPort(name, port.number))
		if err != nil {
			c.say(what, Missing, fmt.Sprintf("is the controller up, and do firewalls let TCP %s through (gossip: UDP, too)?", port.number), "%s of %s cannot be reached: %v", port.purpose, name, err)
			continue
		}
		conn.Close()
		c.say(what, Fine, "", "%s of %s answers", port.purpose, name)
	}
}

// clock compares with the controller's, as the Date of its answers says it.
func (c *checker) clock() {
	const what = "API"
	if !c.joined {
		return
	}
	url, _ := API(c.cfg.StateDir)
	if url == "" {
		c.say(what, Note, "weft controller --rest-listen :8181, if this host has Docker", "the controller's REST API is not reachable from hosts: Docker cannot be served, and keys not be replaced")
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, checkTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", nil)
	if err != nil {
		c.say(what, Missing, "", "%v", err)
		return
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		c.say(what, Missing, "do firewalls let it through?", "the controller's REST API cannot be reached: %v", err)
		return
	}
	answer.Body.Close()
	c.say(what, Fine, "", "%s answers", url)
	if there, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		if skew := time.Since(there).Abs(); skew > tolerableSkew {
			c.say("clock", Note, "timedatectl set-ntp true, on both", "it differs from the controller's by %s", skew.Round(time.Second))
		} else {
			c.say("clock", Fine, "", "as the controller's")
		}
	}
}

func (c *checker) docker() {
	const what = "Docker"
	if _, err := exec.LookPath("dockerd"); err != nil {
		c.say(what, Note, "", "not installed: containers are attached in other ways only")
		return
	}
	conn, err := net.DialTimeout("unix", dockerSocket, checkTimeout)
	if err != nil {
		c.say(what, Missing, "systemctl start docker", "installed, and does not answer: %v", err)
		return
	}
	conn.Close()
	c.say(what, Fine, "", "answers")
}

const dockerSocket = "/var/run/docker.sock"

// bridges says what br_netfilter does, which is looked for in vain when packets
// vanish on a bridge of the kernel's.
func (c *checker) bridges() {
	text, err := os.ReadFile("/proc/sys/net/bridge/bridge-nf-call-iptables")
	if err != nil {
		c.say("br_netfilter", Fine, "", "not loaded")
		return
	}
	if strings.TrimSpace(string(text)) == "1" {
		c.say("br_netfilter", Note, "", "the kernel's own bridges pass frames through iptables; br-weft does not, and needs no rule there")
		return
	}
	c.say("br_netfilter", Fine, "", "loaded and off")
}

// vswitchd asks ovs-vswitchd itself for its version: its rows in the database
// outlive it.
func (o openVSwitch) vswitchd(ctx context.Context) (version string, err error) {
	dir := filepath.Dir(strings.TrimPrefix(o.db, "unix:"))
	c := exec.CommandContext(ctx, "ovs-appctl", "--timeout=3", "-t", "ovs-vswitchd", "version")
	c.Env = append(os.Environ(), "OVS_RUNDIR="+dir)
	out, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	// ovs-vswitchd (Open vSwitch) 3.1.0
	first, _, _ := strings.Cut(string(out), "\n")
	return first[strings.LastIndexByte(first, ' ')+1:], nil
}
