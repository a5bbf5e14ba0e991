package client

import (
	"context"
	"net/http"

	"github.com/weft-sdn/weft/model"
)

// Underlay shows which hosts reach each other directly, and which of these links
// work.
func (c *Client) Underlay(ctx context.Context) (model.Underlay, error) {
	var u model.Underlay
	_, err := c.do(ctx, get("underlay"), &u)
	return u, err
}

// PutUnderlayJSON says which hosts reach each other directly, as JSON.
func (c *Client) PutUnderlayJSON(ctx context.Context, body []byte, o WriteOptions) (model.Underlay, Outcome, error) {
	var stored model.Underlay
	outcome, err := c.write(ctx, http.MethodPut, []string{"underlay"}, body, o, &stored)
	return stored, outcome, err
}

// DeleteUnderlay has all hosts reach each other directly again.
func (c *Client) DeleteUnderlay(ctx context.Context, o WriteOptions) (Outcome, error) {
	return c.write(ctx, http.MethodDelete, []string{"underlay"}, nil, o, nil)
}
