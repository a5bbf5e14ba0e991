package hostside

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// checkLegacy says so where the older iptables, which nftables cannot change,
// drops what is forwarded. Its tables exist beside those of nftables, and only
// if somebody uses them.
func checkLegacy() error {
	for _, l := range []struct{ tables, program string }{
		{"/proc/net/ip_tables_names", "iptables-legacy"},
		{"/proc/net/ip6_tables_names", "ip6tables-legacy"},
	} {
		names, err := os.ReadFile(l.tables)
		if err != nil || !slices.Contains(strings.Fields(string(names)), "filter") {
			continue
		}
		program, err := exec.LookPath(l.program)
		if err != nil { // where there is no choice, the plain name is the older one
			program = strings.TrimSuffix(l.program, "-legacy")
		}
		rules, err := exec.Command(program, "-w", "5", "-S", "FORWARD").Output()
		if err != nil {
			return fmt.Errorf("ask %s, whose tables are in use, for what it forwards: %w", program, err)
		}
		if legacyDrops(rules) {
			return fmt.Errorf("%s drops what is forwarded, and the agent cannot change that; run: %s -I FORWARD -i %s -j ACCEPT; %s -I FORWARD -o %s -j ACCEPT",
				l.program, program, Interface, program, Interface)
		}
	}
	return nil
}

// legacyDrops reads what iptables -S prints of the chain FORWARD: whether it
// drops by default, and lets not both ways of weft-gw through.
func legacyDrops(rules []byte) bool {
	drops := false
	var accepted []string
	for lines := bufio.NewScanner(bytes.NewReader(rules)); lines.Scan(); {
		switch line := lines.Text(); {
		case line == "-P FORWARD DROP":
			drops = true
		case strings.HasPrefix(line, "-A FORWARD -i "+Interface+" ") && strings.HasSuffix(line, " -j ACCEPT"):
			accepted = append(accepted, "in")
		case strings.HasPrefix(line, "-A FORWARD -o "+Interface+" ") && strings.HasSuffix(line, " -j ACCEPT"):
			accepted = append(accepted, "out")
		}
	}
	return drops && !(slices.Contains(accepted, "in") && slices.Contains(accepted, "out"))
}
