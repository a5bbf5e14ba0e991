package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/model"
)

// weft runs a command of weft on a host, as the host's user does.
func (s *dockerSite) weft(host string, args ...string) (string, error) {
	dir := fmt.Sprintf("%s/%s/run", s.Dir, host)
	return s.Host(host).Run(s.ctx, weftBinary, append(args, "--run-dir", dir)...)
}

func (s *dockerSite) attach(host string, args ...string) string {
	s.t.Helper()
	var out string
	s.within(soon, "the agent of "+host+" answers", func() error {
		said, err := s.weft(host, append([]string{"attach"}, args...)...)
		if err != nil && strings.Contains(err.Error(), "no answer from this host's agent") {
			return err
		}
		out = said
		s.must(err)
		return nil
	})
	return out
}

// bare starts a container without a network.
func (s *dockerSite) bare(host, name string, args ...string) {
	s.t.Helper()
	s.runs(host, name, append([]string{"--net", "none"}, args...)...)
}

// endpoints are those of the controller, by name.
func (s *dockerSite) endpoints() map[string]model.Endpoint {
	s.t.Helper()
	all, err := s.api.Endpoints(s.ctx, "")
	s.must(err)
	byName := map[string]model.Endpoint{}
	for _, e := range all {
		byName[e.Name] = e
	}
	return byName
}

// noAttachments waits until no port of an attached container is left on a host.
func (s *dockerSite) noAttachments(host string) {
	s.t.Helper()
	s.within(soon, "no attachment is left on "+host, func() error {
		out, err := s.Host(host).Run(s.ctx, "ovs-vsctl", "--bare", "--columns=name", "find", "Interface", `external_ids:container_id!=""`)
		if err == nil && strings.TrimSpace(out) != "" {
			err = fmt.Errorf("there are ports %q", out)
		}
		links, linkErr := s.Host(host).Run(s.ctx, "ip", "-br", "link", "show", "type", "veth")
		if err == nil && (linkErr != nil || strings.Contains(links, "wa")) {
			err = fmt.Errorf("there are links %q, %v", links, linkErr)
		}
		return err
	})
}

func TestDockerAttach(t *testing.T) {
	s := dockerUp(t)
	s.declare(dockerNet1)
	s.bare("host1", "doc1")
	s.bare("host2", "doc2", "--label", "weft.network=net1", "--label", "weft.ip=10.0.1.20")
	if out := s.attach("host1", "doc1", "net1", "--ip", "10.0.1.10"); !strings.Contains(out, "10.0.1.10/24") || !strings.Contains(out, "02:42:0a:00:01:0a") {
		t.Errorf("weft attach says %q", out)
	}
	s.pings("host1", "doc1", "10.0.1.20")
	s.pings("host1", "doc1", "10.0.1.1")
	doc1 := s.endpoints()["doc1"]
	if doc1.Container != "doc1" || doc1.Interface != "eth0" || doc1.Location != "host1" || doc1.Host != "host1" {
		t.Errorf("the endpoint is %+v", doc1)
	}
	if out := s.docker("host1", "exec", "doc1", "ip", "link", "show", "eth0"); !strings.Contains(out, "mtu 1450") {
		t.Errorf("the interface is %s", out)
	}
	s.attach("host1", "doc1", "net1") // again

	// An endpoint that was declared for a container is the container's.
	s.must(s.call("POST", "/networks/net1/endpoints", model.Endpoint{ID: "mine", Addresses: []model.Addr{model.MustAddr("10.0.1.40")}, Container: "doc5"}, nil))
	s.bare("host1", "doc5")
	s.attach("host1", "doc5", "net1")
	s.pings("host2", "doc2", "10.0.1.40")
	s.docker("host1", "rm", "-f", "doc5")
	s.endpointsAre(3) // it stays
	s.must(s.call("DELETE", "/endpoints/mine", nil, nil))

	s.bare("host1", "doc3")
	s.runs("host1", "open", "--net", "host")
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"attach", "doc3", "net1", "--ip", "10.0.1.20"}, "taken by endpoint"},
		{[]string{"attach", "doc3", "net7"}, `network "net7"`},
		{[]string{"attach", "doc3", "net1", "--ip", "10.0.1.30/24"}, "not an IP address"},
		{[]string{"attach", "doc4", "net1"}, "No such container"},
		{[]string{"attach", "doc1", "net2"}, "already"},
		{[]string{"attach", "open", "net1"}, "--net host"},
		{[]string{"detach", "doc1", "--interface", "eth7"}, "has no eth7"},
	} {
		if _, err := s.weft("host1", c.args...); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("weft %v: %v, without %q", c.args, err, c.says)
		}
	}
	s.endpointsAre(2)

	// A second interface, with IPv6, in a network that has a container of the same
	// name on another host.
	s.declare(model.Network{Name: "net2", Subnets: []model.Prefix{model.MustPrefix("10.0.2.0/24"), model.MustPrefix("fd02::/64")}})
	s.bare("host2", "doc1")
	s.attach("host2", "doc1", "net2", "--ip", "10.0.2.20,fd02::20")
	s.attach("host1", "doc1", "net2", "--ip", "10.0.2.10", "--ip", "fd02::10", "--interface", "eth1", "--mac", "02:00:00:00:00:11")
	s.pings("host1", "doc1", "10.0.2.20")
	s.pings("host1", "doc1", "fd02::20")
	s.docker("host2", "rm", "-f", "doc1")
	if _, err := s.weft("host1", "detach", "doc1", "--interface", "eth1"); err != nil {
		t.Error(err)
	}
	s.endpointsAre(2)

	s.docker("host1", "restart", "-t", "0", "doc1")
	s.docker("host2", "restart", "-t", "0", "doc2")
	s.pings("host1", "doc1", "10.0.1.20")
	if now := s.endpoints()["doc1"]; now.MAC != doc1.MAC || now.ID != doc1.ID {
		t.Errorf("after a restart of the container: %+v", now)
	}
	// Another container gets what the last one had.
	s.docker("host2", "rm", "-f", "doc2")
	s.bare("host2", "doc2", "--label", "weft.network=net1", "--label", "weft.ip=10.0.1.20")
	s.pings("host1", "doc1", "10.0.1.20")
	if _, err := s.weft("host1", "detach", "doc1"); err != nil {
		t.Error(err)
	}
	if _, err := s.weft("host2", "detach", "doc2"); err != nil {
		t.Error(err)
	}
	s.endpointsAre(0)
	s.noAttachments("host1")
	s.noAttachments("host2")
}

// An attached container comes back with its network whatever restarts, and
// leaves nothing behind when it is removed, whoever was away then.
func TestDockerAttachmentsEndure(t *testing.T) {
	s := dockerUp(t)
	s.declare(dockerNet1)
	s.bare("host1", "doc1", "--restart", "always")
	s.bare("host1", "gone")
	s.bare("host2", "doc2", "--label", "weft.network=net1", "--label", "weft.ip=10.0.1.20")
	s.attach("host1", "doc1", "net1", "--ip", "10.0.1.10")
	s.attach("host1", "gone", "net1")
	s.pings("host1", "doc1", "10.0.1.20")
	s.endpointsAre(3)

	s.must(s.Host("host1").KillAgent(s.ctx))
	s.pings("host1", "doc1", "10.0.1.20")
	s.docker("host1", "restart", "-t", "0", "doc1")
	s.docker("host1", "rm", "-f", "gone")
	s.startAgent("host1")
	s.pings("host1", "doc1", "10.0.1.20")
	s.endpointsAre(2)

	s.must(s.Host("host1").StopDocker(s.ctx))
	s.must(s.Host("host1").StartDocker(s.ctx))
	s.pings("host1", "doc1", "10.0.1.20")
	s.endpointsAre(2)

	// Nor is anything lost with the agent's records: what runs is found by its port,
	// and what is gone by its endpoint.
	s.bare("host1", "gone")
	s.attach("host1", "gone", "net1")
	s.endpointsAre(3)
	s.must(s.Host("host1").KillAgent(s.ctx))
	s.must(os.Remove(fmt.Sprintf("%s/host1/agent-state/attach.json", s.Dir)))
	s.docker("host1", "rm", "-f", "gone")
	s.startAgent("host1")
	s.endpointsAre(2)
	s.docker("host1", "restart", "-t", "0", "doc1")
	s.pings("host1", "doc1", "10.0.1.20")

	// While the controller is away what is known works, and the rest says so.
	s.bare("host1", "new")
	s.must(s.KillController(s.ctx))
	s.docker("host1", "restart", "-t", "0", "doc1")
	s.within(soon, "the interface is back", func() error {
		_, err := s.Host("host1").Docker(s.ctx, "exec", "doc1", "ip", "link", "show", "eth0")
		return err
	})
	s.attach("host1", "doc1", "net1")
	start := time.Now()
	if _, err := s.weft("host1", "attach", "new", "net1"); err == nil || !strings.Contains(err.Error(), "while the controller answers") {
		t.Errorf("without the controller: %v", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it takes %v to say so", took)
	}
	s.docker("host2", "rm", "-f", "doc2")
	s.must(s.StartController(s.ctx))
	s.pings("host1", "doc1", "10.0.1.1")
	s.endpointsAre(1)
	s.docker("host1", "rm", "-f", "doc1")
	s.endpointsAre(0)
	s.noAttachments("host1")
	s.noAttachments("host2")
}

// stock runs ovs-docker on a host.
func (s *dockerSite) stock(host string, args ...string) {
	s.t.Helper()
	h := s.Host(host)
	env := []string{"DOCKER_HOST=" + h.DockerEngine(), "ovs-docker"}
	_, err := h.Run(s.ctx, "env", append(env, args...)...)
	s.must(err)
}

func TestDockerStockTool(t *testing.T) {
	if _, err := exec.LookPath("ovs-docker"); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	s := dockerUp(t)
	s.declare(dockerNet1)
	s.bare("host1", "doc1")
	s.bare("host2", "doc2", "--label", "weft.network=net1", "--label", "weft.ip=10.0.1.20")
	s.must(s.call("POST", "/networks/net1/endpoints", model.Endpoint{Name: "doc1", Addresses: []model.Addr{model.MustAddr("10.0.1.10")}, Container: "doc1"}, nil))
	s.stock("host1", "add-port", "br-weft", "eth0", "doc1", "--ipaddress=10.0.1.10/24", "--gateway=10.0.1.1")
	s.pings("host1", "doc1", "10.0.1.20")
	complete := func(how string) {
		t.Helper()
		s.within(soon, "what ovs-docker leaves out is done "+how, func() error {
			out, err := s.Host("host1").Docker(s.ctx, "exec", "doc1", "ip", "link", "show", "eth0")
			if err == nil && !strings.Contains(out, "mtu 1450") {
				err = fmt.Errorf("the interface is %s", out)
			}
			return err
		})
		s.carriesTCP("host1", "doc1", "10.0.1.20", "host2", "doc2")
	}
	complete("at first")
	s.docker("host1", "restart", "-t", "0", "doc1")
	s.pings("host2", "doc2", "10.0.1.10") // which has not sent anything
	complete("after a restart")
	if out := s.docker("host1", "exec", "doc1", "ip", "route"); !strings.Contains(out, "default via 10.0.1.1") {
		t.Errorf("the routes are %s", out)
	}
	s.stock("host1", "del-port", "br-weft", "eth0", "doc1")
	s.docker("host1", "restart", "-t", "0", "doc1")
	s.noAttachments("host1")
	s.endpointsAre(2) // that of doc1 is not the agent's
}

// carriesTCP has one container send a line to another.
func (s *dockerSite) carriesTCP(host, container, address, toHost, to string) {
	s.t.Helper()
	s.docker(toHost, "exec", "-d", to, "nc", "-l", "-p", "7000", "-e", "/bin/cat")
	s.within(soon, container+" talks TCP with "+address, func() error {
		out, err := s.Host(host).Docker(s.ctx, "exec", container, "sh", "-c", "echo through | nc -w 2 "+address+" 7000")
		if err == nil && out != "through" {
			err = fmt.Errorf("it hears %q", out)
		}
		if err != nil {
			_, _ = s.Host(toHost).Docker(s.ctx, "exec", "-d", to, "nc", "-l", "-p", "7000", "-e", "/bin/cat")
		}
		return err
	})
}
