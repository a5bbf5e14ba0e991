package e2e

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// knock connects to one of the controller's doors from the controller's own
// machine.
func (s *site) knock(door string) net.Conn {
	s.t.Helper()
	conn, err := s.HTTP().Transport.(*http.Transport).DialContext(s.ctx, "tcp", "127.0.0.1:"+door)
	s.must(err)
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

// joins measures what strangers must not hold up: a host that comes, and a
// write that is installed there.
func (s *site) joins(meanwhile string) {
	s.t.Helper()
	manager := s.vsctl("host2", "get-manager")
	s.vsctl("host2", "del-manager")
	s.within(soon, "host2 is away", s.away("host2"))
	s.vsctl("host2", "--no-wait", "set-manager", manager)
	took := s.synchronized(5*time.Second, "host2")
	before := len(s.connected("host2"))
	s.on("host2", "ovs-appctl", "bridge/reconnect", "br-weft")
	s.within(5*time.Second, "the bridge of host2 connects anew", func() error {
		if len(s.connected("host2")) == before {
			return errors.New("it has not")
		}
		return nil
	})
	s.synchronized(5*time.Second, "host2")
	start := time.Now()
	two := s.endpoint("two")
	two.Addresses = append(two.Addresses, addresses(fmt.Sprintf("10.0.1.%d", 100+len(two.Addresses)))...)
	_, _, err := s.api.PutEndpoint(s.ctx, two, client.WriteOptions{Wait: true, Timeout: 5 * time.Second})
	s.must(err)
	s.t.Logf("%s: a host joins in %v, a write is installed in %v", meanwhile, took, time.Since(start))
}

// closes waits until the other side has closed a connection.
func closes(conn net.Conn, within time.Duration) error {
	if err := conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	for {
		_, err := conn.Read(make([]byte, 4096))
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			return fmt.Errorf("still open after %v", within)
		}
		if err != nil {
			return nil
		}
	}
}

func TestStrangersAtTheDoorsKeepNobodyOut(t *testing.T) {
	s := up(t, pairTopology)
	pings := s.ping("one", "two")
	for _, door := range []string{"6640", "6653"} {
		t.Run(door, func(t *testing.T) {
			s := s.in(t)
			garbage := make([]byte, 1<<20)
			rand.Read(garbage)
			for _, bytes := range [][]byte{garbage, bytes.Repeat([]byte{0}, 1<<16), bytes.Repeat([]byte("[{"), 1<<15), []byte("GET / HTTP/1.1\r\n\r\n")} {
				c := s.knock(door)
				_, _ = c.Write(bytes) // it may be closed at once
				if err := closes(c, 15*time.Second); err != nil {
					t.Errorf("after %d bytes beginning %q: %v", len(bytes), bytes[:8], err)
				}
			}
			s.joins("after garbage on " + door)

			trickle := s.knock(door)
			if _, err := trickle.Write([]byte{5}); err != nil {
				t.Fatal(err)
			}
			announced := s.knock(door)
			// OpenFlow's header says 65535 bytes (OpenFlow 1.4.1, 7.1); for
			// OVSDB it is an object that does not end.
			head := []byte{5, 0, 0xff, 0xff, 0, 0, 0, 1}
			if door == "6640" {
				head = append([]byte(`{"id":1,"method":"`), bytes.Repeat([]byte("x"), 1000)...)
			}
			if _, err := announced.Write(head); err != nil {
				t.Fatal(err)
			}
			var silent []net.Conn
			for range 1000 {
				silent = append(silent, s.knock(door))
			}
			s.joins("a thousand silent, a slow and a stopped one on " + door)
			for what, c := range map[string]net.Conn{"one byte": trickle, "a message that stops": announced, "silence": silent[999]} {
				if err := closes(c, 20*time.Second); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
	s.synchronized(soon, "host1", "host2")
	s.noneLost(pings)
	s.check()
}

func TestOnlyAdmittedHostsJoin(t *testing.T) {
	s := build(t, pairTopology, "--admit", "192.0.2.11/32,203.0.113.0/24")
	s.synchronized(soon, "host1")
	s.within(soon, "host2 was refused", func() error {
		if log := s.controllerLog(); !strings.Contains(log, "from=192.0.2.12") {
			return fmt.Errorf("the log does not speak of it")
		}
		return nil
	})
	hosts, err := s.api.Hosts(s.ctx)
	s.must(err)
	if len(hosts) != 1 || hosts[0].Name != "host1" {
		t.Errorf("hosts are %+v", hosts)
	}
	if c := condition(hosts[0].Conditions, model.OpenDoor); c != "" {
		t.Errorf("with --admit it says %s", c)
	}
	if out := s.vsctl("host2", "list-br"); strings.Contains(out, "br-weft") {
		t.Errorf("host2 has %s", out)
	}
	// The other door is shut to it too.
	out, err := s.Host("host2").Run(s.ctx, "ovs-vsctl", "--no-wait", "--timeout=5", "set-controller", "br-phy", "tcp:198.18.0.2:6653")
	if err != nil {
		t.Fatal(out, err)
	}
	s.within(soon, "its OpenFlow was refused", func() error {
		if log := s.controllerLog(); !strings.Contains(log, "protocol=OpenFlow from=192.0.2.12") {
			return io.EOF
		}
		return nil
	})
}

func TestWithoutAdmitTheOpenDoorIsSaid(t *testing.T) {
	s := build(t, pairTopology)
	s.synchronized(soon, "host1")
	s.hostSays("host1", model.OpenDoor, "--admit")
	if !strings.Contains(s.controllerLog(), "level=WARN") || !strings.Contains(s.controllerLog(), "--admit") {
		t.Error("the log does not warn")
	}
}
