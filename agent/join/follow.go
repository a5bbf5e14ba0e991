package join

import (
	"cmp"
	"context"
	"slices"

	"github.com/weft-sdn/weft/membership"
)

// pick chooses the controller that a host follows. Wanted state has one owner,
// so there is one; another of the same cluster is followed only when the one
// before is there no more, as after a move to another machine.
func pick(controllers []membership.Member, followed string) (membership.Member, bool) {
	var all []membership.Member
	for _, m := range controllers {
		if m.Facts.OVSDB.IsValid() {
			all = append(all, m)
		}
	}
	if len(all) == 0 {
		return membership.Member{}, false
	}
	i := slices.IndexFunc(all, func(m membership.Member) bool { return target(m) == followed })
	if i >= 0 {
		return all[i], true
	}
	return slices.MinFunc(all, func(a, b membership.Member) int { return cmp.Compare(a.Name, b.Name) }), true
}

// target is a controller's OVSDB in the notation of the Manager table.
func target(m membership.Member) string { return "tcp:" + m.Facts.OVSDB.String() }

// followed is what the host's Open vSwitch is pointed at by us.
func followed(managers []manager, cluster string) string {
	for _, m := range managers {
		if m.cluster == cluster {
			return m.target
		}
	}
	return ""
}

// point makes Open vSwitch connect to a controller. Managers that somebody else
// has set stay; one of them may be right already.
func (h *host) point(ctx context.Context, managers []manager, want string) error {
	cluster := h.card.Token.Cluster
	ours := slices.IndexFunc(managers, func(m manager) bool { return m.cluster == cluster })
	right := slices.IndexFunc(managers, func(m manager) bool { return m.target == want })
	var err error
	switch {
	case right >= 0:
		return nil
	case ours >= 0:
		_, err = h.ovs.vsctl(ctx, "set", "Manager", managers[ours].id, "target="+quoted(want))
	default:
		_, err = h.ovs.vsctl(ctx, "--id=@m", "create", "Manager", "target="+quoted(want), "external_ids:"+markKey+"="+quoted(cluster),
			"--", "add", "Open_vSwitch", ".", "manager_options", "@m")
	}
	if err == nil {
		h.cfg.Log.Info("Open vSwitch is pointed at the controller", "manager", want)
	}
	return err
}

// follow tells others of the controller that the host follows.
func (h *host) follow(leader membership.Member) error {
	if leader.Name != h.following {
		h.following = leader.Name
		h.cfg.Log.Info("follows the controller", "name", leader.Name, "at", leader.Address)
	}
	if !leader.Facts.REST.IsValid() {
		return nil
	}
	return h.rememberAPI("http://" + leader.Facts.REST.String())
}
