package client

import (
	"context"
	"net/http"

	"github.com/weft-sdn/weft/model"
)

// The calls of this file send what a person wrote as it is. Decoding it here
// first would lose what the controller's refusal is about, such as a
// misspelled field.

// CreateNetworkJSON creates a network from its JSON.
func (c *Client) CreateNetworkJSON(ctx context.Context, body []byte, o WriteOptions) (model.Network, Outcome, error) {
	var stored model.Network
	outcome, err := c.write(ctx, http.MethodPost, []string{"networks"}, body, o, &stored)
	return stored, outcome, err
}

// CreateEndpointJSON creates an endpoint of a network from its JSON.
func (c *Client) CreateEndpointJSON(ctx context.Context, network string, body []byte, o WriteOptions) (model.Endpoint, Outcome, error) {
	var stored model.Endpoint
	outcome, err := c.write(ctx, http.MethodPost, []string{"networks", network, "endpoints"}, body, o, &stored)
	return stored, outcome, err
}

// CreateRouterJSON creates a router from its JSON.
func (c *Client) CreateRouterJSON(ctx context.Context, body []byte, o WriteOptions) (model.Router, Outcome, error) {
	var stored model.Router
	outcome, err := c.write(ctx, http.MethodPost, []string{"routers"}, body, o, &stored)
	return stored, outcome, err
}

// CreateForwardJSON creates a forward of a network from its JSON.
func (c *Client) CreateForwardJSON(ctx context.Context, network string, body []byte, o WriteOptions) (model.Forward, Outcome, error) {
	var stored model.Forward
	outcome, err := c.write(ctx, http.MethodPost, []string{"networks", network, "forwards"}, body, o, &stored)
	return stored, outcome, err
}

// ApplyJSON declares the objects of a document given as JSON.
func (c *Client) ApplyJSON(ctx context.Context, body []byte, o WriteOptions) (model.Document, Outcome, error) {
	var stored model.Document
	outcome, err := c.write(ctx, http.MethodPost, []string{"apply"}, body, o, &stored)
	return stored, outcome, err
}
