package docker

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/docker/go-plugins-helpers/ipam"
	"github.com/docker/go-plugins-helpers/network"
	"github.com/docker/go-plugins-helpers/sdk"
)

// deadline bounds every answer. Docker gives up after 15 s and, worse, asks
// again and again.
const deadline = 9 * time.Second

// manifest is what Docker asks a plugin first. The handlers that come with the
// library are for plugins of one kind each, and this one is of two.
const manifest = `{"Implements": ["NetworkDriver", "IpamDriver"]}`

// errEmpty is the answer to a call without its body. Docker calls again when a
// connection breaks, and has sent the body already.
var errEmpty = errors.New("the agent of Weft ended while it was asked, and Docker has not said again what: try again")

// none is an answer or a request without anything in it.
type none struct{}

// plugin makes the handlers of all calls.
func (d *Driver) plugin() sdk.Handler {
	h := sdk.NewHandler(manifest)
	serve(h, d.log, "NetworkDriver.GetCapabilities", d.capabilities)
	serve(h, d.log, "NetworkDriver.CreateNetwork", d.createNetwork)
	serve(h, d.log, "NetworkDriver.DeleteNetwork", d.deleteNetwork)
	serve(h, d.log, "NetworkDriver.CreateEndpoint", d.createEndpoint)
	serve(h, d.log, "NetworkDriver.EndpointOperInfo", d.endpointInfo)
	serve(h, d.log, "NetworkDriver.DeleteEndpoint", d.deleteEndpoint)
	serve(h, d.log, "NetworkDriver.Join", d.join)
	serve(h, d.log, "NetworkDriver.Leave", d.leave)
	serve(h, d.log, "NetworkDriver.ProgramExternalConnectivity", d.publish)
	serve(h, d.log, "NetworkDriver.RevokeExternalConnectivity", d.unpublish)
	serve(h, d.log, "NetworkDriver.DiscoverNew", ignore)
	serve(h, d.log, "NetworkDriver.DiscoverDelete", ignore)

	serve(h, d.log, "IpamDriver.GetCapabilities", d.addressCapabilities)
	serve(h, d.log, "IpamDriver.GetDefaultAddressSpaces", d.addressSpaces)
	serve(h, d.log, "IpamDriver.RequestPool", d.requestPool)
	serve(h, d.log, "IpamDriver.ReleasePool", d.releasePool)
	serve(h, d.log, "IpamDriver.RequestAddress", d.requestAddress)
	serve(h, d.log, "IpamDriver.ReleaseAddress", d.releaseAddress)
	return h
}

// serve has a function answer a call.
func serve[Request, Answer any](h sdk.Handler, log *slog.Logger, call string, answer func(context.Context, *Request) (*Answer, error)) {
	h.HandleFunc("/"+call, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), deadline)
		defer cancel()
		var request Request
		if _, bare := any(request).(none); !bare {
			if r.ContentLength == 0 {
				log.Warn("refused", "call", call, "error", errEmpty)
				sdk.EncodeResponse(w, network.NewErrorResponse(errEmpty.Error()), true)
				return
			}
			if err := sdk.DecodeRequest(w, r, &request); err != nil {
				log.Warn("a call of Docker cannot be read", "call", call, "error", err)
				return
			}
		}
		start := time.Now()
		a, err := answer(ctx, &request)
		if err != nil {
			log.Warn("refused", "call", call, "error", err)
			// Both kinds of drivers have the same form of error.
			sdk.EncodeResponse(w, network.NewErrorResponse(err.Error()), true)
			return
		}
		if log.Enabled(ctx, slog.LevelDebug) {
			asked, _ := json.Marshal(request)
			answered, _ := json.Marshal(a)
			log.Debug("answered", "call", call, "took", time.Since(start), "request", string(asked), "answer", string(answered))
		}
		sdk.EncodeResponse(w, a, false)
	})
}

// ignore answers notifications that matter to cluster drivers only.
func ignore(context.Context, *network.DiscoveryNotification) (*none, error) { return &none{}, nil }

// capabilities: networks are created on every host by itself. That they reach
// across hosts Docker would want to know for its swarm only.
func (d *Driver) capabilities(context.Context, *none) (*network.CapabilitiesResponse, error) {
	return &network.CapabilitiesResponse{Scope: network.LocalScope}, nil
}

func (d *Driver) addressCapabilities(context.Context, *none) (*ipam.CapabilitiesResponse, error) {
	return &ipam.CapabilitiesResponse{}, nil
}
