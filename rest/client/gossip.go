package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/weft-sdn/weft/model"
)

// Gossip is what the controller hears of its members.
func (c *Client) Gossip(ctx context.Context) (model.Gossip, error) {
	var gossip model.Gossip
	_, err := c.do(ctx, get("gossip"), &gossip)
	return gossip, err
}

// RotateKey goes one step further in replacing the gossip's key; forced, it does
// not wait for members that are dead.
func (c *Client) RotateKey(ctx context.Context, force bool) (model.Rotation, error) {
	rotate := call{method: http.MethodPost, path: []string{"gossip", "rotate"}}
	if force {
		rotate.query = url.Values{"force": {"true"}}
	}
	var rotation model.Rotation
	_, err := c.do(ctx, rotate, &rotation)
	return rotation, err
}

// SealedKeys are the gossip's keys, for who has the one with that name.
func (c *Client) SealedKeys(ctx context.Context, key string) (model.SealedKeys, error) {
	var sealed model.SealedKeys
	_, err := c.do(ctx, get("gossip", "keys", key), &sealed)
	return sealed, err
}
