package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/weft-sdn/weft/model"
)

// DefaultServer is where a controller without configuration answers.
const DefaultServer = "http://127.0.0.1:8181"

// maxAnswer bounds what is read of one answer: the flows of a large host are
// some ten megabytes.
const maxAnswer = 256 << 20

// Config says how to reach a controller.
type Config struct {
	Server    string // URL, default DefaultServer; http:// may be left out
	TokenFile string // holds the token, "" for none
	Transport http.RoundTripper
}

// Client calls one controller. It may be used by several goroutines.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// New prepares a client; it does not connect yet.
func New(config Config) (*Client, error) {
	server := config.Server
	if server == "" {
		server = DefaultServer
	}
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	base, err := url.Parse(strings.TrimSuffix(server, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("%q is not the address of a controller: use something like %s", config.Server, DefaultServer)
	}
	c := &Client{base: base, http: &http.Client{Transport: config.Transport}}
	if config.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.DialContext = (&net.Dialer{Timeout: 5 * time.Second}).DialContext
		c.http.Transport = transport
	}
	if config.TokenFile != "" {
		token, err := os.ReadFile(config.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("cannot read the token: %w", err)
		}
		c.token = strings.TrimSpace(string(token))
	}
	return c, nil
}

// A call is one request in the making.
type call struct {
	method string
	path   []string // segments, escaped when they are joined
	query  url.Values
	header http.Header
	body   []byte
	accept int // a status besides success whose body is the answer
}

func get(path ...string) call { return call{method: http.MethodGet, path: path} }

// do sends a call and decodes its answer into the value that into points at,
// unless that is nil or there is no answer to decode.
func (c *Client) do(ctx context.Context, call call, into any) (*http.Response, error) {
	response, err := c.send(ctx, call)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("the answer of %s broke off: %w", c.base, err)
	}
	if into == nil || len(body) == 0 {
		return response, nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return nil, fmt.Errorf("the answer of %s to %s %s cannot be read; is that a Weft controller of this version? %w", c.base, call.method, response.Request.URL.Path, err)
	}
	return response, nil
}

// send sends a call, and turns every answer but success into an error.
func (c *Client) send(ctx context.Context, call call) (*http.Response, error) {
	segments, err := escape(call.path)
	if err != nil {
		return nil, err
	}
	address := c.base.JoinPath(segments...)
	address.RawQuery = call.query.Encode()
	request, err := http.NewRequestWithContext(ctx, call.method, address.String(), bytes.NewReader(call.body))
	if err != nil {
		return nil, err
	}
	for name, values := range call.header {
		request.Header[name] = values
	}
	if call.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if response.StatusCode >= 300 && response.StatusCode != call.accept {
		defer response.Body.Close()
		return nil, refusal(response)
	}
	return response, nil
}

// escape makes segments of a path out of names. Some would be no segment of
// their own but lead to another object.
func escape(names []string) ([]string, error) {
	segments := make([]string, len(names))
	for i, name := range names {
		if name == "" || name == "." || name == ".." {
			return nil, model.Invalidf("", "%q names nothing", name)
		}
		segments[i] = url.PathEscape(name)
	}
	return segments, nil
}
