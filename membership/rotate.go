package membership

import (
	"errors"
	"fmt"
	"slices"
)

// Rotate makes the keys those that are given: the first is written with, all
// are read with. To replace a key without losing a member, give every member in
// turn {old, new}, then {new, old}, then {new}, and begin each step when
// View.Lacking and the first of each member's Keys say that all are through
// with the one before. Keys do not travel by gossip.
func (m *Membership) Rotate(keys []Key) error {
	m.rotation.Lock()
	defer m.rotation.Unlock()
	if err := m.checkRotation(keys); err != nil {
		return fmt.Errorf("change the gossip keys of %q: %w", m.cfg.Name, err)
	}
	if err := m.install(keys); err != nil {
		return fmt.Errorf("change the gossip keys of %q: %w", m.cfg.Name, err)
	}
	m.keys = slices.Clone(keys)
	ids := keyIDs(keys)
	m.say(func(s *self) bool {
		changed := !slices.Equal(s.keys, ids)
		s.keys = ids
		return changed
	})
	return nil
}

func (m *Membership) install(keys []Key) error {
	all := secrets(keys)
	for _, k := range all {
		if err := m.ring.AddKey(k); err != nil {
			return err
		}
	}
	if err := m.ring.UseKey(all[0]); err != nil {
		return err
	}
	for _, k := range m.keys {
		if slices.Contains(keys, k) {
			continue
		}
		if err := m.ring.RemoveKey(k[:]); err != nil {
			return err
		}
	}
	return nil
}

func (m *Membership) checkRotation(keys []Key) error {
	if m.ring == nil {
		return errors.New("it has joined without any: restart it with a token")
	}
	if len(keys) == 0 {
		return errors.New("one key at least must stay")
	}
	if err := checkKeys(keys); err != nil {
		return err
	}
	if !slices.Contains(keys, m.keys[0]) {
		// Others still write with it.
		return fmt.Errorf("%v is in use and not among the new ones: give it beside the new one first, until no member uses it", m.keys[0])
	}
	return nil
}

// secrets are copies of keys, as memberlist takes and keeps them.
func secrets(keys []Key) [][]byte {
	var out [][]byte
	for _, k := range keys {
		out = append(out, k[:])
	}
	return out
}
