package controller

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/weft-sdn/weft/model"
)

// theUnderlay is the key of the only record of its table.
const theUnderlay = ""

// underlayRecord is the underlay as wanted. In it hosts stand by system-id: a
// link stays with its hosts, whatever these are called.
type underlayRecord struct {
	Links  []model.Link  `json:"links,omitempty"`
	Groups []model.Group `json:"groups,omitempty"`
	// Watch is the encapsulation of the tunnels through which hosts see whether a
	// link works. It is chosen when the underlay is declared, and kept: another
	// would make all links look broken for a second.
	Watch    string `json:"watch"`
	Source   string `json:"source,omitempty"`
	Revision uint64 `json:"-"`
}

// declaredUnderlay is nil where all hosts reach each other directly.
func (v view) declaredUnderlay() *underlayRecord {
	return first[underlayRecord](v, tableUnderlay, byID, theUnderlay)
}

// Underlay is what is declared of the links between hosts, and what is seen.
func (c *Controller) Underlay() (model.Underlay, error) {
	v := c.snapshot()
	u := v.declaredUnderlay()
	if u == nil {
		return model.Underlay{}, noUnderlay()
	}
	return v.underlayView(u), nil
}

// PutUnderlay declares which hosts have links, or changes it.
func (c *Controller) PutUnderlay(ctx context.Context, u model.Underlay, options WriteOptions) (model.Underlay, Outcome, error) {
	var created bool
	var now model.Underlay
	out, err := c.write(ctx, options, func(t *tx) ([]string, error) {
		old := t.declaredUnderlay()
		var revision uint64
		source := ""
		if old != nil {
			revision, source = old.Revision, old.Source
		}
		if err := checkRevision(options, "the underlay", revision); err != nil {
			return nil, err
		}
		created = old == nil
		if err := t.putUnderlay(u, source); err != nil {
			return nil, err
		}
		now = t.underlayView(t.declaredUnderlay())
		return nil, nil
	})
	out.Created = created
	if err == nil && !options.DryRun || model.KindOf(err) == model.Timeout {
		if stored, gone := c.Underlay(); gone == nil {
			now = stored
		}
	}
	return now, out, err
}

// DeleteUnderlay has all hosts reach each other directly.
func (c *Controller) DeleteUnderlay(ctx context.Context, options WriteOptions) (Outcome, error) {
	return c.write(ctx, options, func(t *tx) ([]string, error) {
		u := t.declaredUnderlay()
		if u == nil {
			return nil, noUnderlay()
		}
		if err := checkRevision(options, "the underlay", u.Revision); err != nil {
			return nil, err
		}
		t.delete(tableUnderlay, u)
		t.adjoin()
		return nil, nil
	})
}

// putUnderlay declares the underlay, or changes it, in the transaction.
func (t *tx) putUnderlay(u model.Underlay, source string) error {
	u.Links, u.Groups = slices.Clone(u.Links), slices.Clone(u.Groups)
	u.Normalize()
	if err := u.Check(); err != nil {
		return err
	}
	now := &underlayRecord{Links: u.Links, Groups: u.Groups, Source: source}
	for i := range now.Links {
		if err := t.identifyHosts(fmt.Sprintf("links[%d]", i), &now.Links[i].Hosts); err != nil {
			return err
		}
	}
	for i := range now.Groups {
		if err := t.identifyHosts(fmt.Sprintf("groups[%d]", i), &now.Groups[i].Hosts); err != nil {
			return err
		}
	}
	old := t.declaredUnderlay()
	if old != nil {
		now.Watch = old.Watch
		if old.Source == source && reflect.DeepEqual(old.Links, now.Links) && reflect.DeepEqual(old.Groups, now.Groups) {
			return nil
		}
	}
	t.put(tableUnderlay, now)
	t.adjoin()
	return nil
}

// identifyHosts puts system-ids in the place of names.
func (t *tx) identifyHosts(at string, hosts *[]string) error {
	ids := make([]string, len(*hosts))
	for j, name := range *hosts {
		h := t.hostByName(name)
		if h == nil {
			return model.Invalidf(fmt.Sprintf("%s.hosts[%d]", at, j), "there is no host %q: GET /hosts lists them; a host joins before it is linked, by ovs-vsctl set-manager tcp:CONTROLLER:6640", name)
		}
		ids[j] = h.SystemID
	}
	*hosts = ids
	return nil
}

// unlink takes a host that goes out of the underlay, with its links.
func (t *tx) unlink(systemID string) {
	u := t.declaredUnderlay()
	if u == nil {
		return
	}
	names := func(hosts []string) bool { return slices.Contains(hosts, systemID) }
	now := *u
	now.Links = slices.DeleteFunc(slices.Clone(u.Links), func(l model.Link) bool { return names(l.Hosts) })
	now.Groups = nil
	for _, g := range u.Groups {
		if names(g.Hosts) {
			g.Hosts = slices.DeleteFunc(slices.Clone(g.Hosts), func(id string) bool { return id == systemID })
		}
		if len(g.Hosts) > 1 {
			now.Groups = append(now.Groups, g)
		}
	}
	if !reflect.DeepEqual(now.Links, u.Links) || !reflect.DeepEqual(now.Groups, u.Groups) {
		t.put(tableUnderlay, &now)
	}
	t.adjoin()
}

// chooseWatch chooses how links are watched, when all networks are in that are
// declared together with them.
func (t *tx) chooseWatch() {
	if u := t.declaredUnderlay(); u != nil && u.Watch == "" {
		now := *u
		now.Watch = t.watchEncap()
		t.put(tableUnderlay, &now)
	}
}

// watchEncap is the encapsulation of which there are networks, by preference
// that which needs nothing of the hosts that they do not have already.
func (v view) watchEncap() string {
	used := v.encaps()
	for _, encap := range encapsulations {
		if used[encap] {
			return encap
		}
	}
	return model.VXLAN
}

func noUnderlay() error {
	return model.Errorf(model.NotFound, "", "no underlay is declared: all hosts reach each other directly; PUT /underlay says which do, where that is not so")
}
