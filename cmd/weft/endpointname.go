package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// endpointID is the id of the endpoint that somebody means: an id, a name that
// only one network has, or NETWORK/NAME.
func endpointID(ctx context.Context, api *client.Client, said string) (string, error) {
	network, name, qualified := strings.Cut(said, "/")
	if !qualified {
		_, err := api.Endpoint(ctx, said)
		if err == nil || model.KindOf(err) != model.NotFound {
			return said, err
		}
		network, name = "", said
	}
	endpoints, err := api.Endpoints(ctx, network)
	if err != nil {
		return "", err
	}
	var found []model.Endpoint
	for _, e := range endpoints {
		if e.Name == name {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("there is no endpoint with the id or name %q: weft endpoint list lists them", said)
	case 1:
		return found[0].ID, nil
	}
	return "", fmt.Errorf("endpoints %q are in networks %s: say NETWORK/%s, or the id", name, joined(found, func(e model.Endpoint) string { return e.Network }), name)
}
