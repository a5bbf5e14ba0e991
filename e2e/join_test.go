package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/lab"
	"github.com/weft-sdn/weft/membership"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// joined brings up an installation whose hosts have all joined by the line that
// weft token prints, and by nothing else.
func joined(t *testing.T, topology string, controllerArgs ...string) *site {
	t.Helper()
	s := build(t, topology, controllerArgs...)
	for _, h := range s.Hosts() {
		s.must(h.Join(s.ctx))
	}
	for _, h := range s.Hosts() {
		s.within(soon, h.Name+" gossips", s.gossip(h.Name, model.GossipAlive))
	}
	return s
}

// gossip says whether a host's agent is seen so.
func (s *site) gossip(host, state string) func() error {
	return func() error {
		h, err := s.api.Host(s.ctx, host)
		if err != nil {
			return err
		}
		if h.Gossip != state {
			return fmt.Errorf("gossip %s", h.Gossip)
		}
		return nil
	}
}

func TestHostsJoinByOneLine(t *testing.T) {
	s := joined(t, pairTopology)
	s.synchronized(soon, "host1", "host2")
	s.must(s.Declare(s.ctx))
	s.must(s.PlugAll(s.ctx))
	s.check()
}

// The agent has set what the host says of itself, and a manager with its mark;
// what somebody else has set is still there.
func TestAnAgentChangesOnlyWhatIsItsOwn(t *testing.T) {
	s := build(t, pairTopology)
	h := s.Host("host1")
	s.vsctl("host1", "--no-wait", "set", "Open_vSwitch", ".", "external_ids:weft-underlay-mtu=1400", "external_ids:mine=yes")
	s.must(h.Join(s.ctx))
	s.vsctl("host1", "--no-wait", "--id=@m", "create", "Manager", `target="ptcp:6699:127.0.0.1"`, "--", "add", "Open_vSwitch", ".", "manager_options", "@m")
	s.within(soon, "host1 gossips", s.gossip("host1", model.GossipAlive))
	s.synchronized(soon, "host1")
	s.follows("host1", 1)
	for key, want := range map[string]string{"weft-vtep": `"192.0.2.11"`, "weft-datapath": "netdev", "weft-underlay-mtu": `"1400"`, "mine": "yes", "hostname": "host1"} {
		if got := s.vsctl("host1", "get", "Open_vSwitch", ".", "external_ids:"+key); got != want {
			t.Errorf("external_ids:%s is %s and not %s", key, got, want)
		}
	}
	if got := s.vsctl("host1", "get-manager"); got != "ptcp:6699:127.0.0.1\n"+s.manager() {
		t.Errorf("the managers are %q", got)
	}
	// A restart needs to be told nothing, and writes nothing.
	before := s.database("host1")
	s.must(h.KillAgent(s.ctx))
	s.must(h.StartAgent("--docker=false"))
	s.follows("host1", 2)
	if now := s.database("host1"); now != before {
		t.Errorf("the database was written: %s", lastWrites(before, now))
	}
}

// manager is where a host is pointed.
func (s *site) manager() string {
	return "tcp:" + s.Topology.Controller.Address.Addr().String() + ":6640"
}

// follows waits until a host's agent, in its so-manieth life, is done.
func (s *site) follows(host string, life int) {
	s.t.Helper()
	s.within(soon, "the agent of "+host+" follows the controller", func() error {
		if out := s.said(host); strings.Count(out, "follows the controller") < life {
			return errors.New(out)
		}
		return nil
	})
}

// said is the log of a host's agent.
func (s *site) said(host string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir, host, "agent.out"))
	s.must(err)
	return string(text)
}

func TestAHostWhoseAgentGossipsIsNotDown(t *testing.T) {
	s := joined(t, trioTopology, "--takeover-after", "2s")
	s.must(s.Declare(s.ctx))
	s.must(s.PlugAll(s.ctx))
	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	seen := s.gossipEvents(ctx, "host1")
	// Somebody on host2 claims what is on host1.
	one := s.endpoint("one")
	s.vsctl("host2", "--no-wait", "add-port", "br-weft", "rival", "--", "set", "Interface", "rival", "type=internal", "external_ids:iface-id="+one.ID)
	h := s.Host("host1")
	s.must(h.CutFromController())
	s.within(soon, "host1 is away", s.away("host1"))
	pings := s.ping("two", "one")
	s.within(soon, "host1 is called cut off", func() error {
		if condition(s.host("host1").Conditions, model.CutOff) == "" {
			return errors.New("it is not")
		}
		return nil
	})
	s.answered(pings, 60) // six seconds, three times what it would take
	if at := s.endpoint("one").Location; at != "host1" {
		t.Errorf("host1 is cut off, and its endpoint is on %s", at)
	}
	s.noneLost(pings)
	s.must(h.Heal())
	s.synchronized(soon, "host1")

	// A power cut ends the gossip, too.
	s.must(h.KillAgent(s.ctx))
	s.must(h.PowerOff(s.ctx))
	s.within(40*time.Second, "the endpoint passes on", func() error {
		if at := s.endpoint("one").Location; at != "host2" {
			return fmt.Errorf("it is on %s", at)
		}
		return nil
	})
	s.must(s.gossip("host1", model.GossipDead)())
	stop()
	var states []string
	for state := range seen {
		states = append(states, state)
	}
	if len(states) == 0 || states[len(states)-1] != model.GossipDead {
		t.Errorf("a watcher saw the states %q", states)
	}
	// The dead do not come alive by a restart of the controller.
	s.restartController()
	s.must(s.gossip("host1", model.GossipDead)())
}

// gossipEvents are the gossip states of a host that a watcher is told of.
func (s *site) gossipEvents(ctx context.Context, host string) <-chan string {
	s.t.Helper()
	since := s.host(host).Revision
	states := make(chan string, 1000)
	go func() {
		defer close(states)
		for e, err := range s.api.Watch(ctx, since) {
			if err != nil {
				return
			}
			if h, ok := e.Object.(model.Host); ok && h.Name == host {
				states <- h.Gossip
			}
		}
	}()
	return states
}

// reachable lets hosts reach the REST API, which takes a token then.
var reachable = []string{"--rest-listen", ":8181"}

// bearing makes the site's own client bear the token that the controller made.
func (s *site) bearing() {
	s.t.Helper()
	api, err := client.New(client.Config{TokenFile: s.apiToken(), Transport: s.HTTP().Transport})
	s.must(err)
	s.api = api
}

func (s *site) apiToken() string { return filepath.Join(s.controllerDir(), "data", "api-token") }

func TestTheKeyIsReplacedWithoutLosingAMember(t *testing.T) {
	s := build(t, pairTopology, reachable...)
	if _, err := s.api.Hosts(s.ctx); err == nil {
		t.Error("beyond loopback, the API asks for no token")
	}
	s.bearing()
	for _, h := range s.Hosts() {
		s.must(h.Join(s.ctx))
		s.within(soon, h.Name+" gossips", s.gossip(h.Name, model.GossipAlive))
	}
	s.synchronized(soon, "host1", "host2")
	old, err := s.Token(s.ctx)
	s.must(err)
	revision := s.host("host1").Revision

	// One that is dead is waited for, and gets the key when it is back.
	s.must(s.Host("host2").KillAgent(s.ctx))
	s.within(40*time.Second, "host2 is dead", s.gossip("host2", model.GossipDead))
	out, err := s.weft("token", "rotate", "--token-file", s.apiToken(), "--timeout", "5s")
	if err == nil || !strings.Contains(out, "host2 (dead)") {
		t.Errorf("with a dead member: %v %s", err, out)
	}
	s.must(s.Host("host2").StartAgent("--docker=false"))
	out, err = s.weft("token", "rotate", "--token-file", s.apiToken())
	s.must(err)
	t.Log(out)

	gossip, err := s.api.Gossip(s.ctx)
	s.must(err)
	for _, m := range gossip.Members {
		if m.State != model.GossipAlive || len(m.Keys) != 1 || m.Keys[0] != gossip.Keys[0] {
			t.Errorf("%s is %s and has the keys %v, not %v", m.Name, m.State, m.Keys, gossip.Keys)
		}
	}
	if now := s.host("host1"); now.Revision != revision || now.Gossip != model.GossipAlive {
		t.Errorf("host1 was lost in between: %+v", now)
	}
	// What was printed before is of no use now, and says so.
	h := s.Host("host1")
	s.must(h.KillAgent(s.ctx))
	s.agentEnds("host1", append(old, "--docker=false"), "weft token")
	// What is remembered is.
	s.must(s.KillController(s.ctx))
	s.must(s.StartController(s.ctx))
	s.must(h.StartAgent("--docker=false"))
	s.within(soon, "host1 gossips", s.gossip("host1", model.GossipAlive))
}

// agentEnds runs an agent that ends with an error, and leaves nothing behind
// that it would join by.
func (s *site) agentEnds(host string, args []string, words ...string) {
	s.t.Helper()
	h := s.Host(host)
	ctx, stop := context.WithTimeout(s.ctx, 40*time.Second)
	defer stop()
	dir := filepath.Join(s.Dir, host, "never")
	_, err := h.Run(ctx, weftBinary, append([]string{"agent", "--ovsdb", "unix:" + filepath.Join(s.Dir, host, "db.sock"), "--state-dir", dir, "--foreground"}, args...)...)
	if err == nil || ctx.Err() != nil {
		s.t.Errorf("weft agent %v: %v", args, err)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			s.t.Errorf("weft agent %v does not speak of %q: %v", args, word, err)
		}
	}
	if all, _ := os.ReadDir(dir); len(all) > 0 {
		s.t.Errorf("weft agent %v left %v", args, all)
	}
}

func TestWhoHasNotTheTokenIsNotLetIn(t *testing.T) {
	s := build(t, pairTopology)
	line, err := s.Token(s.ctx)
	s.must(err)
	right, err := membership.ParseToken(line[3])
	s.must(err)
	s.synchronized(soon, "host1", "host2")
	before := s.database("host1")
	by := func(change func(*membership.Token), more ...string) []string {
		token := right
		change(&token)
		text, err := token.Encode()
		s.must(err)
		return append([]string{"--join", line[1], "--token", text}, more...)
	}
	s.agentEnds("host1", by(func(t *membership.Token) { t.Cluster = "0123456789abcdef" }), "0123456789abcdef")
	s.agentEnds("host1", by(func(t *membership.Token) { t.Keys = []membership.Key{{1}} }), "key")
	s.agentEnds("host1", by(func(t *membership.Token) { t.Keys = nil }), "no gossip key", "--insecure")
	s.agentEnds("host1", by(func(t *membership.Token) { t.Keys = nil }, "--insecure"), "key")
	s.agentEnds("host1", []string{"--join", line[1], "--token", line[3][:20]}, "weft token")
	s.agentEnds("host1", []string{"--join", line[1]}, "weft token")
	s.agentEnds("host1", []string{"--token", line[3]}, "weft token")
	s.agentEnds("host1", []string{"--join", "192.0.2.77", "--token", line[3]}, "192.0.2.77", "7948")
	if now := s.database("host1"); now != before {
		t.Errorf("the database was written: %s", lastWrites(before, now))
	}
	if state := s.host("host1").Gossip; state != model.GossipNone {
		t.Errorf("host1 gossips: %s", state)
	}
	gossip, err := s.api.Gossip(s.ctx)
	s.must(err)
	kinds := map[string]bool{}
	for _, p := range gossip.Problems {
		kinds[p.Kind] = true
	}
	if !kinds["OtherCluster"] || !kinds["WrongKey"] {
		t.Errorf("the controller reports %+v", gossip.Problems)
	}
	// A member of one cluster does not become one of another by a token.
	s.must(s.Host("host1").Join(s.ctx))
	s.follows("host1", 1)
	s.must(s.Host("host1").KillAgent(s.ctx))
	_, err = s.Host("host1").Run(s.ctx, weftBinary, append([]string{"agent", "--ovsdb", "unix:" + filepath.Join(s.Dir, "host1", "db.sock"), "--state-dir", filepath.Join(s.Dir, "host1", "agent"), "--foreground"},
		by(func(t *membership.Token) { t.Cluster = "0123456789abcdef" })...)...)
	if err == nil || !strings.Contains(err.Error(), "--leave") {
		t.Errorf("a member that is told of another cluster: %v", err)
	}
}

func TestAHostLeavesAndComesBack(t *testing.T) {
	s := build(t, pairTopology)
	h := s.Host("host1")
	s.synchronized(soon, "host1", "host2")
	s.must(h.Join(s.ctx))
	s.follows("host1", 1)
	s.synchronized(soon, "host1")
	leave := []string{"agent", "--leave", "--ovsdb", "unix:" + filepath.Join(s.Dir, "host1", "db.sock"), "--state-dir", filepath.Join(s.Dir, "host1", "agent")}
	if _, err := h.Run(s.ctx, weftBinary, leave...); err == nil || !strings.Contains(err.Error(), "systemctl stop weft-agent") {
		t.Errorf("it leaves while its agent runs: %v", err)
	}
	s.must(h.StopAgent(s.ctx))
	_, err := h.Run(s.ctx, weftBinary, leave...)
	s.must(err)
	s.within(soon, "host1 has left", s.gossip("host1", model.GossipLeft))
	for _, command := range [][]string{{"list-br"}, {"get-manager"}, {"--if-exists", "get", "Open_vSwitch", ".", "external_ids:weft-vtep"}} {
		if out := strings.TrimSpace(s.vsctl("host1", command...)); out != "" && out != "br-phy" {
			t.Errorf("left behind, ovs-vsctl %v: %s", command, out)
		}
	}
	if all, _ := os.ReadDir(filepath.Join(s.Dir, "host1", "agent")); len(all) > 0 {
		t.Errorf("left behind: %v", all)
	}
	s.must(h.Join(s.ctx))
	s.within(soon, "host1 gossips", s.gossip("host1", model.GossipAlive))
	s.synchronized(soon, "host1")
}

func TestACheckSaysWhatIsMissing(t *testing.T) {
	s := joined(t, pairTopology)
	s.synchronized(soon, "host1")
	s.follows("host1", 1)
	check := func(args ...string) string {
		t.Helper()
		out, err := s.Host("host1").Run(s.ctx, weftBinary, append([]string{"agent", "--check", "--ovsdb", "unix:" + filepath.Join(s.Dir, "host1", "db.sock"), "--state-dir", filepath.Join(s.Dir, "host1", "agent")}, args...)...)
		t.Logf("%v\n%s", err, out)
		if strings.Contains(out, "MISSING") != (err != nil) {
			t.Errorf("its exit code is not as it says: %v", err)
		}
		return out
	}
	says := func(out string, lines ...string) {
		t.Helper()
		for _, line := range lines {
			if !regexp.MustCompile("(?m)^" + line).MatchString(out) {
				t.Errorf("it does not say %s", line)
			}
		}
	}
	says(check(), "ok +privileges", "ok +Open vSwitch +version", "ok +datapath", "ok +settings +tunnels from 192.0.2.11 on br-phy", "ok +manager", "ok +membership", "ok +port 6640", "ok +port 6653", "ok +port 7948", "note +API")
	s.must(s.Host("host1").KillAgent(s.ctx))
	s.must(s.KillController(s.ctx))
	s.within(soon, "the manager is away", func() error {
		if s.vsctl("host1", "get", "Manager", s.manager(), "is_connected") == "true" {
			return errors.New("it is connected")
		}
		return nil
	})
	says(check(), "MISSING +membership .*no agent runs", "MISSING +manager", "MISSING +port 6640", "MISSING +port 7948")
	s.must(s.Host("host1").KillVswitchd(s.ctx))
	says(check(), "MISSING +Open vSwitch +ovs-vswitchd does not answer")
	s.must(s.Host("host1").KillOVSDB(s.ctx))
	says(check(), "MISSING +Open vSwitch +its database does not answer")
}

// The line that weft token prints is all that a host with Docker is told.
func TestDockerOnHostsThatHaveJoined(t *testing.T) {
	needDocker(t)
	s := &dockerSite{build(t, dockerTopology, reachable...)}
	s.bearing()
	s.startDockers(func(host string) {
		h := s.Host(host)
		s.must(h.Join(s.ctx, "--docker", "--docker-socket", h.DockerEngine(), "--plugin-socket", lab.PluginSocket))
	})
	s.docker("host1", "network", "create", "-d", "weft", "--ipam-driver", "weft", "--subnet", "10.0.1.0/24", "net1")
	s.listed("net1", true, "host1", "host2")
	s.runs("host1", "one", "--net", "net1", "--ip", "10.0.1.10")
	s.runs("host2", "two", "--net", "net1")
	s.within(soon, "two reaches one", func() error {
		_, err := s.Host("host2").Docker(s.ctx, "exec", "two", "/bin/ping", "-c1", "-W1", "10.0.1.10")
		return err
	})
	s.must(s.gossip("host1", model.GossipAlive)())
	// Restarted while the controller is away, an agent knows where that was.
	h := s.Host("host2")
	s.must(h.StopAgent(s.ctx))
	s.must(s.KillController(s.ctx))
	s.must(h.StartAgent("--docker", "--docker-socket", h.DockerEngine(), "--plugin-socket", lab.PluginSocket))
	s.must(s.StartController(s.ctx))
	s.within(soon, "a container starts on host2", func() error {
		_, err := h.Docker(s.ctx, "run", "--rm", "--net", "net1", lab.DockerImage, "/bin/ping", "-c1", "-W2", "10.0.1.10")
		return err
	})
}

// Where the service is installed, the line hands over to it and ends.
func TestALineInATerminalStartsTheService(t *testing.T) {
	s := build(t, pairTopology)
	line, err := s.Token(s.ctx)
	s.must(err)
	bin := t.TempDir()
	// What systemctl would do is noted, and where the state is, nothing of this
	// machine's is seen.
	s.must(os.WriteFile(filepath.Join(bin, "systemctl"), []byte("#!/bin/sh\necho \"$@\" >> "+bin+"/called\n[ \"$1\" != is-active ]\n"), 0o755))
	script := `mount -t tmpfs weft-e2e /var/lib && PATH="$1:$PATH" && shift && unset INVOCATION_ID && "$@" && ls /var/lib/weft-agent`
	args := append([]string{"-m", "sh", "-c", script, "sh", bin, weftBinary, "agent", "--ovsdb", "unix:" + filepath.Join(s.Dir, "host1", "db.sock")}, line...)
	out, err := s.Host("host1").Run(s.ctx, "unshare", args...)
	s.must(err)
	if !strings.Contains(out, "weft-agent.service is its agent") || !strings.Contains(out, "cluster.json") {
		t.Errorf("it prints %s", out)
	}
	called, err := os.ReadFile(filepath.Join(bin, "called"))
	s.must(err)
	if want := "cat weft-agent.service\nis-active weft-agent.service\nenable --now weft-agent.service\n"; string(called) != want {
		t.Errorf("systemctl was called so:\n%s", called)
	}
	if got := s.vsctl("host1", "get", "Open_vSwitch", ".", "external_ids:weft-vtep"); got != `"192.0.2.11"` {
		t.Errorf("the tunnel address is %s", got)
	}
}

// A second controller, with a copy of the data directory, is shown; the agents
// stay with the first.
func TestASecondControllerIsOnlyShown(t *testing.T) {
	s := build(t, pairTopology)
	s.must(s.Host("host1").Join(s.ctx))
	// The second finds the first by the members that the first knew.
	s.within(soon, "host1 gossips", s.gossip("host1", model.GossipAlive))
	s.follows("host1", 1)
	s.must(s.KillController(s.ctx))
	dir := filepath.Join(t.TempDir(), "data")
	s.must(os.Mkdir(dir, 0o700))
	s.must(os.CopyFS(dir, os.DirFS(filepath.Join(s.controllerDir(), "data"))))
	s.must(s.StartController(s.ctx))
	for _, file := range []string{"gossip.json"} { // os.CopyFS widens modes
		s.must(os.Chmod(filepath.Join(dir, file), 0o600))
	}
	ctx, stop := context.WithCancel(s.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// Members go by the names of their machines.
		_, err := s.Host("host2").Run(ctx, "unshare", "--uts", "sh", "-c", `hostname another && exec "$@"`, "sh",
			weftBinary, "controller", "--data-dir", dir, "--rest-listen", "127.0.0.1:8182")
		t.Log("the second controller ended: ", err)
	}()
	defer func() { stop(); <-ended }()
	controllers := func() (names []string) {
		gossip, err := s.api.Gossip(s.ctx)
		if err != nil {
			return []string{err.Error()} // it is not that far yet
		}
		for _, m := range gossip.Members {
			if m.Role == "controller" && m.State == model.GossipAlive {
				names = append(names, m.Name)
			}
		}
		return names
	}
	s.within(40*time.Second, "both controllers are shown", func() error {
		if names := controllers(); len(names) != 2 || !slices.Contains(names, "controller@another") {
			return fmt.Errorf("there are %q", names)
		}
		return nil
	})
	s.synchronized(soon, "host1")
	if got := s.vsctl("host1", "get-manager"); got != s.manager() {
		t.Errorf("host1 is pointed at %s", got)
	}
}
