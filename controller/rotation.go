package controller

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/weft-sdn/weft/membership"
	"github.com/weft-sdn/weft/model"
)

// The gossip's key is replaced in steps, none of which loses a member: all
// learn the new key, then write with it, then forget the old one. How far that
// is stands in the controller's card: keys {old, new}, {new, old}, {new}, and
// which of them is new. Agents see in the gossip which keys the controller has,
// and fetch them sealed (SealedKeys).

// RotateKey goes one step further, if all members are through with the one
// before. Who calls it until it says done has replaced the key. Members that
// are dead are waited for, too, since they would come back with the old key
// only, unless it is forced.
func (c *Controller) RotateKey(force bool) (model.Rotation, error) {
	c.rotating.Lock()
	defer c.rotating.Unlock()
	m := c.members.Load()
	if m == nil {
		return model.Rotation{}, noGossip()
	}
	path := filepath.Join(c.config.DataDir, cardFile)
	card, err := membership.LoadCard(path)
	if err != nil {
		return model.Rotation{}, err
	}
	keys := card.Token.Keys
	if card.Rotating == "" {
		added := membership.NewKey()
		card.Rotating = added.ID().String()
		card.Token.Keys = append(slices.Clone(keys[:1:1]), added)
		return c.step(card, model.RotationAdds, m)
	}
	isNew := func(k membership.Key) bool { return k.ID().String() == card.Rotating }
	now := model.Rotation{Key: card.Rotating}
	switch at := slices.IndexFunc(keys, isNew); {
	case at < 0:
		return now, fmt.Errorf("%s speaks of key %s, which is not among its keys: take the file from a backup, or remove it and give all hosts a new token", path, card.Rotating)
	case at > 0:
		now.Step = model.RotationAdds
		now.WaitingFor = c.without(m.View(), force, func(ids []string) bool { return slices.Contains(ids, card.Rotating) })
		if len(now.WaitingFor) > 0 {
			return now, nil
		}
		card.Token.Keys = []membership.Key{keys[at], keys[0]}
		return c.step(card, model.RotationUses, m)
	case len(keys) > 1:
		now.Step = model.RotationUses
		now.WaitingFor = c.without(m.View(), force, func(ids []string) bool { return len(ids) > 0 && ids[0] == card.Rotating })
		if len(now.WaitingFor) > 0 {
			return now, nil
		}
		card.Token.Keys = keys[:1:1]
		return c.step(card, model.RotationRemoves, m)
	}
	now.Step = model.RotationRemoves
	now.WaitingFor = c.without(m.View(), force, func(ids []string) bool { return len(ids) == 1 })
	if len(now.WaitingFor) > 0 {
		return now, nil
	}
	card.Rotating = ""
	return c.step(card, model.RotationDone, m)
}

// step writes the card first: what a crash leaves is a member with keys that it
// has not been seen to use.
func (c *Controller) step(card membership.Card, step string, m *membership.Membership) (model.Rotation, error) {
	r := model.Rotation{Key: card.Rotating, Step: step}
	if step == model.RotationDone {
		r.Key = card.Token.Keys[0].ID().String()
	}
	if err := card.Save(filepath.Join(c.config.DataDir, cardFile)); err != nil {
		return r, err
	}
	c.log.Info("the gossip's key is being replaced", "key", r.Key, "step", step)
	return r, m.Rotate(card.Token.Keys)
}

// without names the members whose keys are not as they should be.
func (c *Controller) without(v membership.View, force bool, right func(ids []string) bool) []string {
	var names []string
	state := c.snapshot()
	for _, m := range v.Members {
		gone := m.State == membership.Left || m.State == membership.Dead && force
		if gone || right(keyNames(m.Keys)) {
			continue
		}
		name := state.hostName(m.Name)
		if name == "" {
			name = m.Name
		}
		if m.State != membership.Alive {
			name += fmt.Sprintf(" (%s)", m.State)
		}
		names = append(names, name)
	}
	return names
}

// SealedKeys are the keys of the gossip, for who has the one with that name.
func (c *Controller) SealedKeys(name string) (model.SealedKeys, error) {
	if c.members.Load() == nil {
		return model.SealedKeys{}, noGossip()
	}
	card, err := Card(c.config.DataDir)
	if err != nil {
		return model.SealedKeys{}, err
	}
	i := slices.IndexFunc(card.Token.Keys, func(k membership.Key) bool { return k.ID().String() == name })
	if i < 0 {
		return model.SealedKeys{}, model.Errorf(model.NotFound, "", "the gossip has no key %q any more: join anew by the line that weft token prints now", name)
	}
	sealed, err := membership.SealKeys(card.Token.Keys[i], c.ClusterID(), card.Token.Keys)
	return model.SealedKeys{Sealed: sealed}, err
}

// Gossip is what is heard.
func (c *Controller) Gossip() (model.Gossip, error) {
	m := c.members.Load()
	if m == nil {
		return model.Gossip{}, noGossip()
	}
	v, state := m.View(), c.snapshot()
	g := model.Gossip{Cluster: v.Cluster, Self: v.Self, Keys: []string{}, Members: []model.Member{}}
	for _, m := range v.Members {
		if m.Name == v.Self {
			g.Keys = keyNames(m.Keys)
		}
		g.Members = append(g.Members, model.Member{
			Name: m.Name, Host: state.hostName(m.Name), Role: m.Role.String(), Address: m.Address.String(),
			State: string(m.State), Since: m.Since.UTC(), Version: m.Facts.Version, Keys: keyNames(m.Keys),
		})
	}
	for _, p := range v.Problems {
		g.Problems = append(g.Problems, model.GossipProblem{Kind: string(p.Kind), Who: p.Who, Detail: p.Detail, Last: p.Last.UTC()})
	}
	return g, nil
}

func keyNames(ids []membership.KeyID) []string {
	names := []string{}
	for _, id := range ids {
		names = append(names, id.String())
	}
	return names
}

func noGossip() error {
	return model.Errorf(model.Conflict, "", "this controller does not gossip: start it with --gossip-listen")
}
