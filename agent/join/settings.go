package join

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Keys of external_ids of the Open_vSwitch row, which the controller reads.
const (
	keyHostname = "hostname"
	keyVTEP     = "weft-vtep"
	keyDatapath = "weft-datapath"
	keyMTU      = "weft-underlay-mtu"
)

// settings are what the host says of itself in its Open vSwitch.
type settings map[string]string

// settingsFile remembers what was set, to tell it from what people have set.
const settingsFile = "settings.json"

func loadSettings(dir string) (settings, error) {
	s := settings{}
	text, err := os.ReadFile(filepath.Join(dir, settingsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return nil, fmt.Errorf("read what this agent has set in Open vSwitch: %w", err)
	}
	return s, nil
}

func (s settings) save(dir string) error {
	text, err := json.Marshal(s)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, settingsFile), text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("note what this agent sets in Open vSwitch: %w", err)
	}
	return nil
}

// changes are those that make what is there as wanted. What somebody else has
// set stays, and counts.
func (s settings) changes(there map[string]string, wanted settings) settings {
	out := settings{}
	for key, value := range wanted {
		now, is := there[key]
		if mine, set := s[key]; now != value && (!is || set && now == mine) {
			out[key] = value
		}
	}
	return out
}

// apply puts settings into Open vSwitch, and returns what is there then. They
// are noted before, so that a crash in between leaves none of ours that looks
// like somebody else's.
func (h *host) apply(ctx context.Context, there map[string]string, wanted settings) (settings, error) {
	result := settings(maps.Clone(there))
	changes := h.set.changes(there, wanted)
	if len(changes) == 0 {
		return result, nil
	}
	now := maps.Clone(h.set)
	maps.Copy(now, changes)
	if err := now.save(h.cfg.StateDir); err != nil {
		return nil, err
	}
	args := []string{"set", "Open_vSwitch", "."}
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		args = append(args, "external_ids:"+key+"="+quoted(changes[key]))
	}
	if _, err := h.ovs.vsctl(ctx, args...); err != nil {
		return nil, err
	}
	h.set = now
	h.cfg.Log.Info("set in Open vSwitch", "settings", changes)
	maps.Copy(result, changes)
	return result, nil
}

// wanted are the settings of a host at a place. Where nothing is known of the
// way to the controller, only the name is.
func (h *host) wanted(p place) settings {
	s := settings{keyHostname: h.hostname(), keyDatapath: h.datapath}
	if p.vtep.IsValid() {
		s[keyVTEP], s[keyMTU] = p.vtep.String(), strconv.Itoa(p.mtu)
	}
	return s
}
