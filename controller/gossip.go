package controller

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/weft-sdn/weft/membership"
)

// GossipConfig is how the controller takes part in the gossip.
type GossipConfig struct {
	Listen   string // address:port; empty: it takes no part
	APIToken string // that the REST API asks for, empty for none: hosts are told by their token
	Version  string
}

// cardFile is where the controller keeps what it gossips with, in its data
// directory. The token in it is the one for hosts.
const cardFile = "gossip.json"

// Card is the membership card in a data directory: the token for hosts, and the
// address at which they find the controller. It does not need the controller to
// run, but that it has run.
func Card(dataDir string) (membership.Card, error) {
	path := filepath.Join(dataDir, cardFile)
	card, err := membership.LoadCard(path)
	if errors.Is(err, fs.ErrNotExist) {
		return card, fmt.Errorf("%s is not there: run this on the machine of the controller, as its user and with its --data-dir; it is made when the controller starts, unless --gossip-listen is empty", path)
	}
	return card, err
}

// startGossip joins the gossip as this cluster's controller. Serve calls it when
// it knows where hosts are let in.
func (c *Controller) startGossip(ovsdb, openflow uint16) error {
	config := c.config.Gossip
	if config.Listen == "" {
		return c.do(c.life, c.forgetGossip)
	}
	bind, err := bindAddress(config.Listen)
	if err != nil {
		return err
	}
	at, err := reachedAt(c.advertise, bind.Addr())
	if err != nil {
		return err
	}
	card, err := c.renewCard(config.APIToken, netip.AddrPortFrom(at, bind.Port()))
	if err != nil {
		return err
	}
	facts := membership.Facts{
		OVSDB: netip.AddrPortFrom(at, ovsdb), OpenFlow: netip.AddrPortFrom(at, openflow), Version: config.Version,
	}
	if c.restPort != 0 {
		facts.REST = netip.AddrPortFrom(at, c.restPort)
	}
	m, err := membership.Join(membership.Config{
		Cluster: c.ClusterID(), Name: controllerName(), Role: membership.Controller, Facts: facts, Keys: card.Token.Keys,
		Seeds: c.gossipers(), Bind: bind, Advertise: netip.AddrPortFrom(at, bind.Port()),
		Changed: func(change membership.Change) {
			_ = c.do(c.life, func() { c.gossiped(change) })
		},
		Log: c.log,
	})
	if err != nil {
		return err
	}
	c.members.Store(m)
	context.AfterFunc(c.life, m.Close)
	c.awaitGossip()
	c.log.Info("gossip", "listen", bind, "advertise", at, "cluster", c.ClusterID())
	return nil
}

// PublishREST has hosts told where the REST API is, if they can reach it. It is
// called before Serve.
func (c *Controller) PublishREST(at net.Addr) {
	if tcp, ok := at.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		c.restPort = uint16(tcp.Port)
	}
}

// renewCard makes sure that the card says what is so now. Its keys are made at
// the first start, and last.
func (c *Controller) renewCard(apiToken string, at netip.AddrPort) (membership.Card, error) {
	path := filepath.Join(c.config.DataDir, cardFile)
	card, err := membership.LoadCard(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		card.Token.Keys = []membership.Key{membership.NewKey()}
	case err != nil:
		return card, err
	}
	before := card
	card.Token.Cluster, card.Token.API = c.ClusterID(), apiToken
	card.Seeds = []string{membership.SeedText(at)}
	if err == nil && reflect.DeepEqual(card, before) {
		return card, nil // also on a full disk
	}
	return card, card.Save(path)
}

// controllerName is what the controller is called among members. Hosts go by
// their system-ids; no host of ours has an @ in it.
func controllerName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		name = "unknown"
	}
	return "controller@" + strings.ToLower(name)
}

func bindAddress(listen string) (netip.AddrPort, error) {
	at, err := net.ResolveTCPAddr("tcp", listen)
	if err != nil || at.Port == 0 {
		return netip.AddrPort{}, fmt.Errorf("--gossip-listen %q is not an address with a port such as :%d", listen, membership.DefaultPort)
	}
	ip, ok := netip.AddrFromSlice(at.IP)
	if !ok {
		ip = netip.IPv4Unspecified()
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(at.Port)), nil
}

// reachedAt is the address that hosts are told: the one that was asked for, or
// listened at, or else the one from which this machine speaks to others.
func reachedAt(advertise, bind netip.Addr) (netip.Addr, error) {
	if advertise.IsValid() {
		return advertise, nil
	}
	if !bind.IsUnspecified() {
		return bind, nil
	}
	// Documentation addresses (RFC 5737, RFC 3849) are nobody's, so these follow
	// the default route. Nothing is sent.
	for _, far := range []string{"192.0.2.1:9", "[2001:db8::1]:9"} {
		conn, err := net.Dial("udp", far)
		if err != nil {
			continue
		}
		from := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
		conn.Close()
		return from, nil
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("find this machine's addresses: %w", err)
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().IsGlobalUnicast() {
			return p.Addr(), nil
		}
	}
	return netip.Addr{}, errors.New("this machine has no address at which hosts could reach it: say it by --advertise, or --gossip-listen '' if no host has an agent")
}
