package join

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/weft-sdn/weft/membership"
	"github.com/weft-sdn/weft/rest/client"
)

// followKeys has the same keys as the controller. The gossip tells their names
// only; they are fetched from its REST API, sealed with one that both have.
func (h *host) followKeys(ctx context.Context, leader membership.Member) error {
	mine := h.card.Token.Keys
	if len(mine) == 0 || slices.EqualFunc(mine, leader.Keys, func(k membership.Key, id membership.KeyID) bool { return k.ID() == id }) {
		return nil
	}
	i := slices.IndexFunc(mine, func(k membership.Key) bool { return slices.Contains(leader.Keys, k.ID()) })
	if i < 0 {
		return errors.New("the controller has none of this host's gossip keys any more: join anew by the line that weft token prints now")
	}
	keys, err := h.fetchKeys(ctx, mine[i])
	if err != nil {
		return fmt.Errorf("the gossip's key is being replaced, and this host cannot fetch the new one: %w; or join anew by the line that weft token prints now", err)
	}
	// Written down first: a crash leaves a key too many, and never one too few.
	h.card.Token.Keys = keys
	if err := h.remember(); err != nil {
		return err
	}
	if err := h.members.Rotate(keys); err != nil {
		return err
	}
	h.cfg.Log.Info("has the controller's gossip keys", "keys", keys)
	return nil
}

func (h *host) fetchKeys(ctx context.Context, known membership.Key) ([]membership.Key, error) {
	if h.api == "" {
		return nil, errors.New("the controller's REST API cannot be reached from hosts (weft controller --rest-listen)")
	}
	api, err := client.New(client.Config{Server: h.api, TokenFile: filepath.Join(h.cfg.StateDir, apiTokenFile)})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	sealed, err := api.SealedKeys(ctx, known.ID().String())
	if err != nil {
		return nil, err
	}
	return membership.OpenKeys(known, h.card.Token.Cluster, sealed.Sealed)
}
