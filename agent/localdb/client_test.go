package localdb

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/internal/ovstest"
)

const patience = 20 * time.Second

// start runs a client until the test ends.
func start(t *testing.T, path string) *Client {
	t.Helper()
	c, err := New("unix:"+path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return c
}

// wait waits for a state in which a key of weft-gw has that value.
func wait(t *testing.T, c *Client, key, want string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		s, known := c.State()
		if known && s.Gateway[key] == want {
			return
		}
		select {
		case <-c.Changed():
		case <-timeout:
			t.Fatalf("%s is %q and not %q", key, s.Gateway[key], want)
		}
	}
}

func TestStateFollowsTheDatabase(t *testing.T) {
	o := ovstest.Start(t)
	o.AddBridge("br0")
	c := start(t, o.Path("db.sock"))
	wait(t, c, "k", "")
	if s, _ := c.State(); s.Gateway != nil {
		t.Errorf("without an interface there is %v", s.Gateway)
	}
	o.VSCtl("add-port", "br0", "other", "--", "set", "interface", "other", "type=dummy", "external_ids:k=other")
	o.VSCtl("add-port", "br0", Interface, "--", "set", "interface", Interface, "type=dummy", "external_ids:k=1")
	wait(t, c, "k", "1")
	o.VSCtl("set", "interface", Interface, "external_ids:k=2")
	wait(t, c, "k", "2")
	o.VSCtl("clear", "interface", Interface, "external_ids")
	wait(t, c, "k", "")
	if s, _ := c.State(); s.Gateway == nil {
		t.Error("an interface without external_ids is taken for none")
	}
	o.VSCtl("set", "interface", Interface, "external_ids:k=3")
	wait(t, c, "k", "3")
	o.VSCtl("del-port", Interface)
	wait(t, c, "k", "")
	if s, _ := c.State(); s.Gateway != nil {
		t.Errorf("the interface has gone, and there is %v", s.Gateway)
	}
}

func TestReportIsWrittenWhenItIsAnother(t *testing.T) {
	o := ovstest.Start(t)
	o.VSCtl("set", "Open_vSwitch", ".", "external_ids:weft-agent=old", "external_ids:other=stays")
	c := start(t, o.Path("db.sock"))
	reported := func() string {
		return strings.TrimSpace(o.VSCtl("--if-exists", "get", "Open_vSwitch", ".", "external_ids:weft-agent"))
	}
	eventually := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(patience); reported() != want; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the report is %s and not %s", reported(), want)
			}
		}
	}
	c.Report(`failed: "this" is how, it = went`)
	eventually(`"failed: \"this\" is how, it = went"`)
	c.Report("one")
	c.Report("ready")
	eventually("ready")
	o.VSCtl("remove", "Open_vSwitch", ".", "external_ids", "weft-agent") // by somebody else
	eventually("ready")
	c.Report("")
	eventually("")
	if got := o.VSCtl("get", "Open_vSwitch", ".", "external_ids:other"); strings.TrimSpace(got) != "stays" {
		t.Errorf("another key is %s", got)
	}
}

// A server that goes away and comes back is followed on, answered when it
// probes, and not written to if all is well.
func TestConnectionThatBreaks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c := start(t, path)
	c.Report("ready")
	for _, k := range []string{"1", "2"} {
		server, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		server.SetDeadline(time.Now().Add(patience))
		d := json.NewDecoder(server)
		var monitor struct{ Method string }
		if err := d.Decode(&monitor); err != nil || monitor.Method != "monitor" {
			t.Fatalf("asked first: %+v, %v", monitor, err)
		}
		server.Write([]byte(`{"id":1,"error":null,"result":{` +
			`"Open_vSwitch":{"b":{"new":{"external_ids":["map",[["weft-agent","ready"]]]}}},` +
			`"Interface":{"a":{"new":{"name":"weft-gw","external_ids":["map",[["k","` + k + `"]]]}}}}}` +
			`{"id":"echo","method":"echo","params":["x"]}`))
		var answer struct {
			ID     string
			Method string
			Result []string
		}
		if err := d.Decode(&answer); err != nil || answer.ID != "echo" || len(answer.Result) != 1 || answer.Result[0] != "x" {
			t.Errorf("a probe is answered with %+v, %v", answer, err)
		}
		wait(t, c, "k", k)
		server.Close()
	}
	if s, known := c.State(); !known || s.Gateway["k"] != "2" {
		t.Errorf("without a connection the state is %v, %t", s, known)
	}
}

func TestForget(t *testing.T) {
	o := ovstest.Start(t)
	o.VSCtl("set", "Open_vSwitch", ".", "external_ids:weft-agent=ready")
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	for range 2 {
		if err := Forget(ctx, "unix:"+o.Path("db.sock")); err != nil {
			t.Fatal(err)
		}
		if got := o.VSCtl("get", "Open_vSwitch", ".", "external_ids"); strings.TrimSpace(got) != "{}" {
			t.Errorf("left: %s", got)
		}
	}
}

func TestRemoteMustBeLocal(t *testing.T) {
	for _, remote := range []string{"", "unix:", "tcp:127.0.0.1:6640", "/var/run/openvswitch/db.sock"} {
		if _, err := New(remote, nil); err == nil || !strings.Contains(err.Error(), DefaultRemote) {
			t.Errorf("%q: %v", remote, err)
		}
	}
}
