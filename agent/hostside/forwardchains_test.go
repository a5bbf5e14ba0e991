package hostside

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/agent/hosttest"
)

// accepts are the chains that have both of our rules, first of all.
func accepts(t *testing.T) string {
	t.Helper()
	var found []string
	var table, chain string
	lines := strings.Split(hosttest.Run(t, "nft", "-s", "list", "ruleset"), "\n")
	for i, line := range lines {
		words := strings.Fields(line)
		switch {
		case len(words) == 4 && words[0] == "table":
			table = words[1] + " " + words[2]
		case len(words) == 3 && words[0] == "chain":
			chain = words[1]
		case len(words) > 0 && words[0] == "type":
			continue
		case strings.Contains(line, `iifname "weft-gw" counter accept comment "weft"`):
			place := table + " " + chain
			if !strings.Contains(lines[i+1], `oifname "weft-gw" counter accept comment "weft"`) {
				place += " (only one way)"
			}
			if head := strings.TrimSpace(lines[i-1]); !strings.HasPrefix(head, "chain ") && !strings.HasPrefix(head, "type ") {
				place += " (not at the head)"
			}
			found = append(found, place)
		}
	}
	return strings.Join(found, ", ")
}

const docker = "iptables -P FORWARD DROP; iptables -N DOCKER-USER; iptables -A DOCKER-USER -j RETURN; iptables -A FORWARD -j DOCKER-USER"

func TestForwardChains(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	h := newHost(t)
	for name, c := range map[string]struct{ firewall, want string }{
		"none":                      {"true", ""},
		"nothing dropped":           {"iptables -A FORWARD -j ACCEPT; ip6tables -A FORWARD -i eth0", ""},
		"policy":                    {"iptables -P FORWARD DROP", "ip filter FORWARD"},
		"policy, both families":     {"iptables -P FORWARD DROP; ip6tables -P FORWARD DROP", "ip filter FORWARD, ip6 filter FORWARD"},
		"input and output only":     {"iptables -P INPUT DROP; iptables -P OUTPUT DROP; iptables -P FORWARD ACCEPT", ""},
		"a rule that rejects":       {"iptables -A FORWARD -i eth0 -j ACCEPT; iptables -A FORWARD -j REJECT --reject-with icmp-host-prohibited", "ip filter FORWARD"},
		"Docker":                    {docker, "ip filter DOCKER-USER"},
		"Docker's chain, unused":    {"iptables -P FORWARD DROP; iptables -N DOCKER-USER", "ip filter FORWARD"},
		"a chain that it jumps to":  {"iptables -N A; iptables -N B; iptables -A FORWARD -i eth0 -j A; iptables -A A -j B; iptables -A B -j DROP", "ip filter FORWARD"},
		"a loop of jumps cannot be": {"iptables -N A; iptables -A A -j RETURN; iptables -A FORWARD -j A; iptables -A FORWARD -j A", ""},
		"as firewalld does": {"nft add table inet firewalld; nft 'add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; }';" +
			"nft add rule inet firewalld filter_FORWARD ct state established accept; nft add rule inet firewalld filter_FORWARD reject with icmpx admin-prohibited",
			"inet firewalld filter_FORWARD"},
		"clamping of segments": {"nft add table inet clamp; nft 'add chain inet clamp f { type filter hook forward priority mangle; }';" +
			"nft add rule inet clamp f tcp flags syn tcp option maxseg size set rt mtu", ""},
		"two at once": {docker + "; nft add table inet f; nft 'add chain inet f f { type filter hook forward priority 5; policy drop; }'", "ip filter DOCKER-USER, inet f f"},
		"a bridge's":  {"nft add table bridge f; nft 'add chain bridge f f { type filter hook forward priority 5; policy drop; }'", ""},
	} {
		hosttest.Shell(t, "nft flush ruleset; "+c.firewall)
		before := hosttest.Run(t, "nft", "-s", "list", "ruleset")
		apply(t, h, parsed(t, externalIDs()))
		apply(t, h, parsed(t, externalIDs()))
		if got := accepts(t); got != c.want {
			t.Errorf("%s: accepted in %q, wanted %q", name, got, c.want)
		}
		if err := h.Remove(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, hosttest.Run(t, "nft", "-s", "list", "ruleset")); diff != "" {
			t.Errorf("%s: - before, + after:\n%s", name, diff)
		}
	}
}

// Docker that comes later gets the rules into its chain; what an operator has
// of his own stays where it is; and iptables still understands the whole.
func TestForwardChainsThatChange(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	h := newHost(t)
	g := parsed(t, externalIDs())
	for _, step := range []struct{ firewall, want string }{
		{"iptables -P FORWARD DROP; iptables -A FORWARD -i weft-gw -j ACCEPT", "ip filter FORWARD"},
		{"iptables -N DOCKER-USER; iptables -I FORWARD -j DOCKER-USER", "ip filter DOCKER-USER"},
		{"iptables -I DOCKER-USER -s 192.0.2.1 -j DROP", "ip filter DOCKER-USER (not at the head)"}, // who comes later means it
		{"iptables -D FORWARD -j DOCKER-USER", "ip filter FORWARD"},
		{"iptables -P FORWARD ACCEPT", ""},
	} {
		hosttest.Shell(t, step.firewall)
		apply(t, h, g)
		if got := accepts(t); got != step.want {
			t.Errorf("after %s: accepted in %q, wanted %q", step.firewall, got, step.want)
		}
		rules := hosttest.Run(t, "iptables", "-S")
		if own := "-A FORWARD -i weft-gw -j ACCEPT\n"; strings.Count(rules, own) != 1 {
			t.Errorf("after %s: the operator's own rule:\n%s", step.firewall, rules)
		}
	}
}

// What the agent cannot change it says, with the commands that do, which work.
func TestLegacyIPTables(t *testing.T) {
	if !hosttest.Host(t) {
		return
	}
	if _, err := exec.LookPath("iptables-legacy"); errors.Is(err, exec.ErrNotFound) {
		t.Skip("SKIPPED: there is no iptables-legacy")
	}
	if _, err := os.Stat("/proc/net/ip_tables_names"); err != nil {
		t.Skip("SKIPPED: the kernel has no legacy iptables")
	}
	h := newHost(t)
	g := parsed(t, externalIDs())
	hosttest.Shell(t, "iptables-legacy -A INPUT -j ACCEPT")
	apply(t, h, g)
	hosttest.Shell(t, "iptables-legacy -P FORWARD DROP")
	err := h.Apply(g)
	if err == nil || !strings.Contains(err.Error(), "iptables-legacy drops what is forwarded") {
		t.Fatalf("the error is: %v", err)
	}
	_, commands, _ := strings.Cut(err.Error(), "run: ")
	hosttest.Shell(t, commands)
	apply(t, h, g)
}

func TestLegacyDrops(t *testing.T) {
	for rules, want := range map[string]bool{
		"-P FORWARD ACCEPT\n": false,
		"-P FORWARD DROP\n":   true,
		"-P FORWARD DROP\n-A FORWARD -i weft-gw -j ACCEPT\n":                                                         true,
		"-P FORWARD DROP\n-A FORWARD -i weft-gw -j ACCEPT\n-A FORWARD -o weft-gw -m comment --comment x -j ACCEPT\n": false,
		"-P FORWARD DROP\n-A FORWARD -i weft-gw2 -j ACCEPT\n-A FORWARD -o weft-gw -j ACCEPT\n":                       true,
		"-P FORWARD DROP\n-A FORWARD -i weft-gw -j DROP\n-A FORWARD -o weft-gw -j ACCEPT\n":                          true,
	} {
		if got := legacyDrops([]byte(rules)); got != want {
			t.Errorf("%q: %t", rules, got)
		}
	}
}
