package join

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weft-sdn/weft/membership"
)

// Config is what an agent has to be told in order to join.
type Config struct {
	Address string // of the controller or any member; empty: as remembered
	Token   string // from weft token; empty: as remembered

	Insecure bool   // also with a token that has no gossip key
	Hostname string // default: as before, or the machine's
	Listen   netip.AddrPort
	// UserspaceUnderlay says that the underlay's NIC may be moved into a bridge
	// of the userspace datapath, on a host without the kernel's.
	UserspaceUnderlay bool

	StateDir string
	OVSDB    string // of this host
	Version  string
	// Found is told where the REST API of the controller is that the host
	// follows, when that is known and whenever it is another; may be nil.
	Found func(url string)
	Log   *slog.Logger
}

const (
	cardFile = "cluster.json"
	// period is how long a change goes unnoticed of which nobody tells: of
	// addresses, and in Open vSwitch.
	period = 10 * time.Second
	// patience is how long a host that joins for the first time looks for
	// somebody before that is an error.
	patience = 20 * time.Second
	retry    = time.Second
)

// Joined reports whether a host was made a member, so that Run needs to be told
// nothing.
func Joined(stateDir string) bool {
	_, err := os.Stat(filepath.Join(stateDir, cardFile))
	return err == nil
}

// hostname is the one that was asked for, now or before, or the machine's.
func (h *host) hostname() string {
	name := cmp.Or(h.cfg.Hostname, h.set[keyHostname])
	if name == "" {
		name, _ = os.Hostname()
	}
	return strings.ToLower(name)
}

// host is the host that joins.
type host struct {
	cfg      Config
	ovs      openVSwitch
	card     membership.Card
	set      settings // what this agent has set in Open vSwitch
	datapath string
	members  *membership.Membership

	following  string // the controller's name
	api        string // URL of its REST API
	complained string // the last thing that was in the way
}

// Run makes the host a member and keeps it one until ctx ends. Then everything
// stays as it is, and the others find the agent gone after some seconds.
func Run(ctx context.Context, cfg Config) error {
	unlock, err := lock(cfg.StateDir)
	if err != nil {
		return err
	}
	defer unlock()
	changed := make(chan struct{}, 1)
	h, err := enter(ctx, cfg, changed)
	if err != nil {
		return err
	}
	defer h.members.Close()
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		h.complain(h.reconcile(ctx))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-tick.C:
		}
	}
}

// Once makes the host a member, for another process to keep it one by Run. It
// returns the cluster.
func Once(ctx context.Context, cfg Config) (cluster string, err error) {
	unlock, err := lock(cfg.StateDir)
	if err != nil {
		return "", err
	}
	defer unlock()
	h, err := enter(ctx, cfg, make(chan struct{}, 1))
	if err != nil {
		return "", err
	}
	defer h.members.Close()
	return h.card.Token.Cluster, h.reconcile(ctx)
}

// enter joins the gossip. What is new is told by changed.
func enter(ctx context.Context, cfg Config, changed chan struct{}) (*host, error) {
	h, isNew, err := open(cfg)
	if err != nil {
		return nil, err
	}
	here, err := h.waitForOpenVSwitch(ctx)
	if err != nil {
		return nil, err
	}
	if err := h.chooseDatapath(ctx, here); err != nil {
		return nil, err
	}
	h.members, err = membership.Join(membership.Config{
		Cluster: h.card.Token.Cluster, Name: here.systemID, Role: membership.Agent, Keys: h.card.Token.Keys, Insecure: cfg.Insecure,
		Facts: membership.Facts{Datapath: h.datapath, Version: cfg.Version},
		Seeds: h.card.Seeds, Bind: cfg.Listen, Log: cfg.Log,
		Changed: func(membership.Change) {
			select {
			case changed <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		return nil, err
	}
	if isNew {
		if err := h.arrive(ctx); err != nil {
			h.members.Close()
			return nil, err
		}
	}
	return h, nil
}

// open reads what is remembered, or what the host was told. It reports whether
// that is new.
func open(cfg Config) (h *host, isNew bool, err error) {
	h = &host{cfg: cfg}
	if h.ovs, err = newOpenVSwitch(cfg.OVSDB); err != nil {
		return nil, false, err
	}
	h.card, err = membership.LoadCard(filepath.Join(cfg.StateDir, cardFile))
	known := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, err
	}
	if cfg.Token != "" || cfg.Address != "" || !known {
		told, err := cfg.told()
		if err != nil {
			return nil, false, err
		}
		if known && told.Token.Cluster != h.card.Token.Cluster {
			return nil, false, fmt.Errorf("this host is a member of cluster %q, and the token is of cluster %q: weft agent --leave first", h.card.Token.Cluster, told.Token.Cluster)
		}
		isNew = !known || !told.Token.Equal(h.card.Token)
		h.card = told
	}
	if h.set, err = loadSettings(cfg.StateDir); err != nil {
		return nil, false, err
	}
	return h, isNew, nil
}

// told is what the command line says.
func (c *Config) told() (membership.Card, error) {
	if c.Address == "" {
		return membership.Card{}, errors.New("no address is given at which this host finds the controller: use the whole line that weft token prints there")
	}
	token, err := membership.ParseToken(c.Token)
	if err != nil {
		return membership.Card{}, err
	}
	if len(token.Keys) == 0 && !c.Insecure {
		return membership.Card{}, errors.New("the token has no gossip key, so anybody could pretend to be the controller: take the line that weft token prints, or ask for --insecure")
	}
	return membership.Card{Token: token, Seeds: []string{c.Address}}, nil
}

// arrive waits until somebody lets a new member in, and only then remembers what
// it was told: a mistyped line leaves nothing behind.
func (h *host) arrive(ctx context.Context) error {
	for deadline := time.Now().Add(patience); ; {
		err := h.members.Contact()
		if err == nil {
			return h.remember()
		}
		if time.Now().After(deadline) || h.refused() {
			return fmt.Errorf("join cluster %q: %w", h.card.Token.Cluster, err)
		}
		h.complain(err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retry):
		}
	}
}

// refused reports whether somebody answered that will not let this host in.
func (h *host) refused() bool {
	return slices.ContainsFunc(h.members.View().Problems, func(p membership.Problem) bool {
		return slices.Contains(h.card.Seeds, p.Who) && (p.Kind == membership.WrongKey || p.Kind == membership.OtherCluster)
	})
}

// remember writes down what a restart needs.
func (h *host) remember() error {
	if err := h.card.Save(filepath.Join(h.cfg.StateDir, cardFile)); err != nil {
		return err
	}
	err := os.WriteFile(filepath.Join(h.cfg.StateDir, apiTokenFile), []byte(h.card.Token.API+"\n"), 0o600)
	if err != nil {
		return fmt.Errorf("write down the token of the controller's API: %w", err)
	}
	return nil
}

// waitForOpenVSwitch waits until its database answers: it may be just starting.
func (h *host) waitForOpenVSwitch(ctx context.Context) (root, error) {
	for {
		r, err := h.ovs.root(ctx)
		if err == nil {
			h.complain(nil)
			return r, nil
		}
		h.complain(fmt.Errorf("waiting for Open vSwitch: %w", err))
		select {
		case <-ctx.Done():
			return root{}, ctx.Err()
		case <-time.After(retry):
		}
	}
}

// complain logs what is in the way, once.
func (h *host) complain(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != h.complained && text != "" {
		h.cfg.Log.Warn(text)
	}
	h.complained = text
}

// reconcile makes the host as the gossip and its own network say.
func (h *host) reconcile(ctx context.Context) error {
	here, err := h.ovs.root(ctx)
	if err != nil {
		return err
	}
	managers, err := h.ovs.managers(ctx)
	if err != nil {
		return err
	}
	view := h.members.View()
	leader, found := pick(view.Controllers(), followed(managers, view.Cluster))
	if !found {
		return errors.Join(errors.New("no controller is there; Open vSwitch stays as it is"), problems(view))
	}
	p, err := find(leader.Facts.OVSDB.Addr())
	if err != nil {
		return err
	}
	set, err := h.apply(ctx, here.externalIDs, h.wanted(p))
	if err != nil {
		return err
	}
	if err := h.members.UpdateFacts(h.facts(set, p)); err != nil {
		return err
	}
	if err := h.point(ctx, managers, target(leader)); err != nil {
		return err
	}
	if err := h.follow(leader); err != nil {
		return err
	}
	if err := h.followKeys(ctx, leader); err != nil {
		return err
	}
	return h.keepSeeds(view.Controllers())
}

// keepSeeds remembers where controllers are, besides the address that a person
// has given.
func (h *host) keepSeeds(controllers []membership.Member) error {
	seeds := h.card.Seeds[:1:1]
	for _, m := range controllers {
		if text := membership.SeedText(m.Address); !slices.Contains(seeds, text) {
			seeds = append(seeds, text)
		}
	}
	if slices.Equal(seeds, h.card.Seeds) {
		return nil
	}
	h.card.Seeds = seeds
	return h.remember()
}

// problems is what keeps members from each other, as an error.
func problems(v membership.View) error {
	var all []error
	for _, p := range v.Problems {
		all = append(all, errors.New(p.Detail))
	}
	return errors.Join(all...)
}
