package join

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/weft-sdn/weft/agent/phy"
	"github.com/weft-sdn/weft/membership"
)

// Leave ends a membership: it says goodbye, and takes away from the host what
// the agent and the controller have made there: the manager, br-weft, the keys
// in Open vSwitch, and the bridge of the underlay. What of it fails is told in
// the end, and can be tried again.
func Leave(ctx context.Context, cfg Config) error {
	unlock, err := lock(cfg.StateDir)
	if err != nil {
		return err
	}
	defer unlock()
	h := &host{cfg: cfg}
	if h.ovs, err = newOpenVSwitch(cfg.OVSDB); err != nil {
		return err
	}
	h.card, err = membership.LoadCard(filepath.Join(cfg.StateDir, cardFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("this host is no member of a cluster: there is no %s", filepath.Join(cfg.StateDir, cardFile))
	}
	if err != nil {
		return err
	}
	if h.set, err = loadSettings(cfg.StateDir); err != nil {
		return err
	}
	here, err := h.ovs.root(ctx)
	if err != nil {
		return err
	}
	if err := h.sayGoodbye(here); err != nil {
		cfg.Log.Warn("nobody heard the goodbye", "error", err)
	}
	if err := errors.Join(h.withdraw(ctx, here), phy.Restore(ctx, h.ovs.vsctlDone, cfg.StateDir)); err != nil {
		return fmt.Errorf("leave cluster %q: %w", h.card.Token.Cluster, err)
	}
	for _, name := range []string{settingsFile, apiTokenFile, apiURLFile, cardFile} { // the card last: it says that there is something to do
		if err := os.Remove(filepath.Join(cfg.StateDir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// sayGoodbye takes the place of the agent in the gossip, and leaves it.
func (h *host) sayGoodbye(here root) error {
	m, err := membership.Join(membership.Config{
		Cluster: h.card.Token.Cluster, Name: here.systemID, Role: membership.Agent, Keys: h.card.Token.Keys, Insecure: true,
		Facts: membership.Facts{Version: h.cfg.Version}, Seeds: h.card.Seeds, Bind: h.cfg.Listen, Log: h.cfg.Log,
	})
	if err != nil {
		return err
	}
	defer m.Close()
	if err := m.Contact(); err != nil {
		return err
	}
	return m.Leave()
}

// withdraw takes away from Open vSwitch what bears the cluster's mark, and the
// keys that still are as the agent has set them.
func (h *host) withdraw(ctx context.Context, here root) error {
	cluster := h.card.Token.Cluster
	managers, err := h.ovs.managers(ctx)
	if err != nil {
		return err
	}
	// The controller goes first, or it would make again what it sees vanish.
	for _, m := range managers {
		if m.cluster != cluster {
			continue
		}
		if _, err := h.ovs.vsctl(ctx, "remove", "Open_vSwitch", ".", "manager_options", m.id); err != nil {
			return err
		}
	}
	var args []string
	mark, err := h.ovs.vsctl(ctx, "--if-exists", "get", "Bridge", overlayBridge, "external_ids:"+markKey)
	if err == nil && strings.Trim(strings.TrimSpace(mark), `"`) == cluster {
		args = append(args, "--", "del-br", overlayBridge)
	}
	for _, key := range []string{keyHostname, keyVTEP, keyDatapath, keyMTU} {
		if value, set := h.set[key]; set && here.externalIDs[key] == value {
			args = append(args, "--", "remove", "Open_vSwitch", ".", "external_ids", key)
		}
	}
	if len(args) == 0 {
		return nil
	}
	_, err = h.ovs.vsctl(ctx, slices.Delete(args, 0, 1)...)
	return err
}

// overlayBridge is the controller's.
const overlayBridge = "br-weft"

// lock makes this process the only agent with a state directory. The kernel
// lets go of it when the process ends, however it does.
func lock(stateDir string) (unlock func(), err error) {
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the agent's state: %w", err)
	}
	dir, err := os.Open(stateDir)
	if err != nil {
		return nil, fmt.Errorf("open the directory of the agent's state: %w", err)
	}
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		dir.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("an agent runs on %s: end it first (systemctl stop weft-agent)", stateDir)
		}
		return nil, fmt.Errorf("lock %s: %w", stateDir, err)
	}
	return func() { dir.Close() }, nil
}
