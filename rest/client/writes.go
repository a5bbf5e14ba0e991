package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weft-sdn/weft/model"
)

// WriteOptions are what can be asked of a write besides the write itself.
type WriteOptions struct {
	DryRun  bool          // change nothing, say what would change
	Wait    bool          // answer when every host concerned has confirmed
	Timeout time.Duration // how long to wait; 0: the controller's default
	IfMatch uint64        // PUT and DELETE: only if the object has this revision; 0: any
	Force   bool          // DeleteNetwork: with all that is in it; DrainHost: also the only gateway host
	Prune   string        // Apply: delete what an earlier document of this source had and this has not
}

// Outcome says what became of a write. It is filled in, too, beside an error
// of kind model.Timeout: such a write stands.
type Outcome struct {
	Created     bool
	Revision    uint64
	Differences []model.HostDifference // of a dry run
}

func (o WriteOptions) query() url.Values {
	q := url.Values{}
	if o.DryRun {
		q.Set("dryRun", "true")
	}
	if o.Wait {
		q.Set("wait", "installed")
	}
	if o.Timeout != 0 {
		q.Set("timeout", o.Timeout.String())
	}
	if o.Force {
		q.Set("force", "true")
	}
	if o.Prune != "" {
		q.Set("prune", o.Prune)
	}
	return q
}

// write sends a write and fills the object that into points at with what it
// has become.
func (c *Client) write(ctx context.Context, method string, path []string, body []byte, o WriteOptions, into any) (Outcome, error) {
	ask := call{method: method, path: path, query: o.query(), body: body}
	if o.IfMatch != 0 {
		ask.header = http.Header{"If-Match": {fmt.Sprintf(`"%d"`, o.IfMatch)}}
	}
	var answer json.RawMessage
	response, err := c.do(ctx, ask, &answer)
	if err != nil {
		return outcomeOf(err), err
	}
	outcome := Outcome{Created: response.StatusCode == http.StatusCreated, Revision: revisionOf(response.Header)}
	if len(answer) == 0 {
		return outcome, nil
	}
	var dry struct {
		Differences []model.HostDifference `json:"differences"`
	}
	if err := json.Unmarshal(answer, &dry); err != nil {
		return outcome, fmt.Errorf("the answer to %s cannot be read: %w", method, err)
	}
	outcome.Differences = dry.Differences
	if into == nil {
		return outcome, nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return outcome, fmt.Errorf("the answer to %s cannot be read: %w", method, err)
	}
	return outcome, nil
}

// revisionOf reads the revision that a write reached from its headers.
func revisionOf(h http.Header) uint64 {
	tag := strings.Trim(h.Get("ETag"), `"`)
	if tag == "" {
		tag = h.Get("Weft-Revision")
	}
	revision, _ := strconv.ParseUint(tag, 10, 64)
	return revision
}

// writeObject encodes an object, writes it and returns what it has become.
func writeObject[T any](ctx context.Context, c *Client, method string, path []string, object T, o WriteOptions) (T, Outcome, error) {
	body, err := json.Marshal(object)
	if err != nil {
		return object, Outcome{}, err
	}
	var stored T
	outcome, err := c.write(ctx, method, path, body, o, &stored)
	return stored, outcome, err
}

// CreateNetwork creates a network.
func (c *Client) CreateNetwork(ctx context.Context, n model.Network, o WriteOptions) (model.Network, Outcome, error) {
	return writeObject(ctx, c, http.MethodPost, []string{"networks"}, n, o)
}

// PutNetwork creates or changes a network.
func (c *Client) PutNetwork(ctx context.Context, n model.Network, o WriteOptions) (model.Network, Outcome, error) {
	return writeObject(ctx, c, http.MethodPut, []string{"networks", n.Name}, n, o)
}

// DeleteNetwork deletes a network.
func (c *Client) DeleteNetwork(ctx context.Context, name string, o WriteOptions) (Outcome, error) {
	return c.write(ctx, http.MethodDelete, []string{"networks", name}, nil, o, nil)
}

// CreateEndpoint creates an endpoint of the network that it names.
func (c *Client) CreateEndpoint(ctx context.Context, e model.Endpoint, o WriteOptions) (model.Endpoint, Outcome, error) {
	return writeObject(ctx, c, http.MethodPost, []string{"networks", e.Network, "endpoints"}, e, o)
}

// PutEndpoint creates or changes the endpoint of that id.
func (c *Client) PutEndpoint(ctx context.Context, e model.Endpoint, o WriteOptions) (model.Endpoint, Outcome, error) {
	return writeObject(ctx, c, http.MethodPut, []string{"endpoints", e.ID}, e, o)
}

// DeleteEndpoint deletes an endpoint.
func (c *Client) DeleteEndpoint(ctx context.Context, id string, o WriteOptions) (Outcome, error) {
	return c.write(ctx, http.MethodDelete, []string{"endpoints", id}, nil, o, nil)
}

// CreateRouter creates a router.
func (c *Client) CreateRouter(ctx context.Context, r model.Router, o WriteOptions) (model.Router, Outcome, error) {
	return writeObject(ctx, c, http.MethodPost, []string{"routers"}, r, o)
}

// PutRouter creates or changes a router.
func (c *Client) PutRouter(ctx context.Context, r model.Router, o WriteOptions) (model.Router, Outcome, error) {
	return writeObject(ctx, c, http.MethodPut, []string{"routers", r.Name}, r, o)
}

// DeleteRouter deletes a router.
func (c *Client) DeleteRouter(ctx context.Context, name string, o WriteOptions) (Outcome, error) {
	return c.write(ctx, http.MethodDelete, []string{"routers", name}, nil, o, nil)
}

// CreateForward creates a forward of the network that it names.
func (c *Client) CreateForward(ctx context.Context, f model.Forward, o WriteOptions) (model.Forward, Outcome, error) {
	return writeObject(ctx, c, http.MethodPost, []string{"networks", f.Network, "forwards"}, f, o)
}

// PutForward creates or changes the forward of that id in its network.
func (c *Client) PutForward(ctx context.Context, f model.Forward, o WriteOptions) (model.Forward, Outcome, error) {
	return writeObject(ctx, c, http.MethodPut, []string{"networks", f.Network, "forwards", f.ID}, f, o)
}

// DeleteForward deletes a forward of a network.
func (c *Client) DeleteForward(ctx context.Context, network, id string, o WriteOptions) (Outcome, error) {
	return c.write(ctx, http.MethodDelete, []string{"networks", network, "forwards", id}, nil, o, nil)
}

// PutNIC puts an interface of a host into a network.
func (c *Client) PutNIC(ctx context.Context, n model.NIC, o WriteOptions) (model.NIC, Outcome, error) {
	return writeObject(ctx, c, http.MethodPut, []string{"hosts", n.Host, "ports", n.Interface}, n, o)
}

// DeleteNIC takes an interface of a host out of its network.
func (c *Client) DeleteNIC(ctx context.Context, host, iface string, o WriteOptions) (Outcome, error) {
	return c.write(ctx, http.MethodDelete, []string{"hosts", host, "ports", iface}, nil, o, nil)
}

// Apply declares the objects of a document together.
func (c *Client) Apply(ctx context.Context, d model.Document, o WriteOptions) (model.Document, Outcome, error) {
	return writeObject(ctx, c, http.MethodPost, []string{"apply"}, d, o)
}

// DeleteHost forgets a host.
func (c *Client) DeleteHost(ctx context.Context, name string, o WriteOptions) (Outcome, error) {
	return c.write(ctx, http.MethodDelete, []string{"hosts", name}, nil, o, nil)
}

// DrainHost takes a host out as a gateway.
func (c *Client) DrainHost(ctx context.Context, name string, o WriteOptions) (Outcome, error) {
	return c.write(ctx, http.MethodPost, []string{"hosts", name, "drain"}, nil, o, nil)
}

// UndrainHost lets a host be a gateway again.
func (c *Client) UndrainHost(ctx context.Context, name string, o WriteOptions) (Outcome, error) {
	return c.write(ctx, http.MethodDelete, []string{"hosts", name, "drain"}, nil, o, nil)
}

// AdoptHost takes over a host that bears another cluster's mark.
func (c *Client) AdoptHost(ctx context.Context, name string) error {
	_, err := c.write(ctx, http.MethodPost, []string{"hosts", name, "adopt"}, nil, WriteOptions{}, nil)
	return err
}
