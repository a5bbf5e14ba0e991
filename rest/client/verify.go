package client

import (
	"context"

	"github.com/weft-sdn/weft/model"
)

// Verify asks for a proof, from what is on the switches now, that networks are
// kept apart and that everybody in one is reached.
func (c *Client) Verify(ctx context.Context) (model.Verification, error) {
	var verification model.Verification
	_, err := c.do(ctx, get("verify"), &verification)
	return verification, err
}
