package lab

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
)

// control is the machine of the controller.
type control struct {
	lab     *Lab
	in      namespace
	process process
	http    *http.Client
}

// restAddress is where the controller's REST listens: on the loopback of its
// own namespace, which is out of everybody else's reach.
const restAddress = "127.0.0.1:8181"

func (l *Lab) newControl() *control {
	in := l.namespace(controllerName)
	dir := filepath.Join(l.Dir, controllerName)
	return &control{
		lab: l, in: in,
		process: process{name: "controller", in: in, dir: dir, env: os.Environ()},
		http: &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				return in.dial(ctx, new(net.Dialer), network, address)
			},
		}},
	}
}

func (c *control) build(ctx context.Context) error {
	if err := os.MkdirAll(c.process.dir, 0o700); err != nil {
		return err
	}
	if err := c.in.create(); err != nil {
		return err
	}
	u, address := &c.lab.Topology.Underlay, c.lab.Topology.Controller.Address
	segment, _ := u.segmentOf(address.Addr())
	if err := c.lab.cable(c.in, controllerName, segment); err != nil {
		return err
	}
	err := c.in.link(func(h *netlink.Handle) error {
		if err := addAddress(h, nic, address); err != nil {
			return err
		}
		if err := setUp(h, nic); err != nil {
			return err
		}
		return addDefaultRoute(h, nic, u.Router[segment])
	})
	if err != nil || c.lab.options.Binary == "" {
		return err
	}
	return c.start(ctx)
}

// start returns when the controller answers over REST and takes hosts.
func (c *control) start(ctx context.Context) error {
	argv := append([]string{c.lab.options.Binary, "controller", "--data-dir", filepath.Join(c.process.dir, "data")}, c.lab.options.ControllerArgs...)
	if err := c.process.start(argv...); err != nil {
		return err
	}
	return until(ctx, "the controller answers", func() (bool, error) {
		if !c.process.running() {
			return false, fmt.Errorf("the controller ended: %s", c.process.output())
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+restAddress+"/healthz", nil)
		if err != nil {
			return false, err
		}
		answer, err := c.http.Do(request)
		if err != nil {
			return false, nil
		}
		return answer.StatusCode == http.StatusOK, answer.Body.Close()
	})
}

// HTTP returns a client whose connections begin in the controller's namespace:
// http://127.0.0.1:8181 is the controller's REST.
func (l *Lab) HTTP() *http.Client { return l.control.http }

// KillController ends the controller without warning.
func (l *Lab) KillController(ctx context.Context) error { return l.control.process.kill(ctx) }

// StartController starts it again on the data it left, and waits until it
// answers.
func (l *Lab) StartController(ctx context.Context) error { return l.control.start(ctx) }

// FreezeController stops the controller as a debugger would: its connections
// stay open and it does not answer. ThawController lets it go on.
func (l *Lab) FreezeController() error { return l.control.process.freeze() }

// ThawController undoes FreezeController.
func (l *Lab) ThawController() error { return l.control.process.thaw() }
