package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// The ports of a second controller on the first one's machine.
const (
	rivalOVSDB, rivalOpenFlow, rivalREST = "7640", "7653", "7181"
)

// rival starts a second controller and has both hosts' managers point at the
// two of them.
func (s *site) rival(data string) *client.Client {
	s.t.Helper()
	log, err := os.Create(filepath.Join(s.t.TempDir(), "rival.log"))
	s.must(err)
	defer log.Close()
	cmd := exec.Command(weftBinary, "lab", "exec", "--dir", s.Dir, "ctl", "--", weftBinary, "controller", "--data-dir", data,
		"--ovsdb-listen", ":"+rivalOVSDB, "--openflow-listen", ":"+rivalOpenFlow, "--rest-listen", "127.0.0.1:"+rivalREST, "--gossip-listen", "")
	cmd.Stdout, cmd.Stderr = log, log
	s.must(cmd.Start())
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill() // the lab may have ended it
		_ = cmd.Wait()
		if s.t.Failed() {
			text, _ := os.ReadFile(log.Name())
			s.t.Logf("the rival's log:\n%s", text)
		}
	})
	api, err := client.New(client.Config{Server: "http://127.0.0.1:" + rivalREST, Transport: s.HTTP().Transport.(*http.Transport)})
	s.must(err)
	s.within(soon, "the rival answers", func() error { _, err := api.Hosts(s.ctx); return err })
	for _, host := range []string{"host1", "host2"} {
		first := s.vsctl(host, "get-manager")
		s.vsctl(host, "--no-wait", "--", "--id=@m", "create", "Manager", fmt.Sprintf("target=%q", strings.Replace(first, "6640", rivalOVSDB, 1)),
			"--", "add", "Open_vSwitch", ".", "manager_options", "@m")
	}
	return api
}

// rivalSays waits until both hosts show a condition at the rival.
func (s *site) rivalSays(api *client.Client, kind string) {
	s.t.Helper()
	s.within(soon, "the rival says "+kind, func() error {
		for _, name := range []string{"host1", "host2"} {
			h, err := api.Host(s.ctx, name)
			if err != nil {
				return err
			}
			if err := says(h.Conditions, kind); err != nil {
				return err
			}
			if h.OpenFlow != model.Away {
				return fmt.Errorf("its OpenFlow is %s", h.OpenFlow)
			}
		}
		return nil
	})
}

func TestASecondWeftKeepsOff(t *testing.T) {
	s := up(t, pairTopology)
	pings := s.ping("one", "two")
	ages := s.agesOf("host1", "host2")
	api := s.rival(filepath.Join(t.TempDir(), "rival"))
	bridges := s.rows("host1", "Bridge") + s.rows("host2", "Bridge")
	s.rivalSays(api, model.ForeignCluster)
	_, _, err := api.Apply(s.ctx, s.Topology.Document(), client.WriteOptions{})
	s.must(err)
	s.answered(pings, 100)
	for host, before := range ages {
		s.untouched(host, before)
	}
	if now := s.rows("host1", "Bridge") + s.rows("host2", "Bridge"); now != bridges {
		t.Errorf("it was\n%s\nand is\n%s", bridges, now)
	}
	s.noneLost(pings)
	// The first one still rules.
	s.tamper("del-flows", promised, func() { s.on("host1", "ovs-ofctl", "del-flows", "br-weft") })
	s.check()
}

func TestACopyOfAControllerIsFencedOffByTheHosts(t *testing.T) {
	s := up(t, pairTopology)
	s.must(s.KillController(s.ctx)) // so that what is copied is whole
	copied := filepath.Join(t.TempDir(), "rival")
	s.must(os.CopyFS(copied, os.DirFS(filepath.Join(s.controllerDir(), "data"))))
	s.must(os.Chmod(copied, 0o700))
	s.must(s.StartController(s.ctx))
	s.synchronized(soon, "host1", "host2")
	pings := s.ping("one", "two")
	// The first one holds the lock once it has had to write something.
	s.vsctl("host1", "--no-wait", "set-fail-mode", "br-weft", "standalone")
	s.vsctl("host2", "--no-wait", "set-fail-mode", "br-weft", "standalone")
	for _, host := range []string{"host1", "host2"} {
		s.within(soon, "the row is repaired", func() error {
			if mode := s.vsctl(host, "get-fail-mode", "br-weft"); mode != "secure" {
				return fmt.Errorf("fail_mode is %q", mode)
			}
			return nil
		})
	}
	ages := s.agesOf("host1", "host2")
	api := s.rival(copied)
	s.rivalSays(api, model.LockHeld)
	s.answered(pings, 100)
	for host, before := range ages {
		s.untouched(host, before)
	}
	s.noneLost(pings)
	s.synchronized(soon, "host1", "host2")
	s.check()
}
