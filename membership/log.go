package membership

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// listLog receives memberlist's log. That is mostly for debugging, but some
// things memberlist says nowhere else: who was refused and why, and which
// member did not answer a probe. A test fails if its words change.
type listLog struct{ m *Membership }

var (
	foreignLabel = regexp.MustCompile(`unacceptable label "(.*)": from=(\S+)`)
	cannotRead   = regexp.MustCompile(`(?:Decrypt packet failed|failed to receive): (.*) from=(\S+)`)
	noAnswer     = regexp.MustCompile(`Suspect (\S+) has failed, no acks received`)
)

// Write takes one line.
func (l *listLog) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	l.m.cfg.Log.Debug(text)
	if f := foreignLabel.FindStringSubmatch(text); f != nil {
		l.m.foreign(host(f[2]), f[1])
	} else if f := cannotRead.FindStringSubmatch(text); f != nil {
		if why, ok := unreadable(f[1]); ok {
			l.m.problem(WrongKey, host(f[2]), fmt.Sprintf("%s is not let in: %s", host(f[2]), why))
		}
	} else if f := noAnswer.FindStringSubmatch(text); f != nil {
		if l.m.table.suspect(f[1]) {
			go l.m.ask(f[1])
		}
	}
	return len(line), nil
}

// foreign notes that somebody gossips under another label than ours.
func (m *Membership) foreign(who, label string) {
	cluster, weft := strings.CutPrefix(label, labelPrefix)
	detail := fmt.Sprintf("%s gossips here and is no member of any Weft cluster: it is not let in", who)
	if weft {
		detail = fmt.Sprintf("%s is of cluster %q, and this is %q: it is not let in; if it belongs here, give it this cluster's token", who, cluster, m.cfg.Cluster)
	}
	m.problem(OtherCluster, who, detail)
}

// unreadable puts memberlist's reasons into words that say what to do.
func unreadable(reason string) (string, bool) {
	switch {
	case strings.Contains(reason, "encryption is not configured"):
		return `it encrypts its gossip, and this member has no key: start this one with the token that "weft token" prints`, true
	case strings.Contains(reason, "state is not encrypted"):
		return `its gossip is not encrypted, and here it must be: start it with the token that "weft token" prints`, true
	case strings.Contains(reason, "could decrypt"), strings.Contains(reason, "unsupported encryption version"), strings.Contains(reason, "too small to decrypt"):
		return `it encrypts its gossip with a key that is unknown here, or not at all: its token is older or newer than ours; take what "weft token" prints now`, true
	}
	return "", false
}

// problem notes one, and logs it when it is new.
func (m *Membership) problem(kind Kind, who, detail string) {
	m.table.mu.Lock()
	isNew := m.table.note(kind, who, detail)
	m.table.mu.Unlock()
	if isNew {
		m.cfg.Log.Warn("membership: "+detail, "problem", kind, "who", who)
	}
}

// host is an address without its port, which differs for each connection.
func host(from string) string {
	if at, err := netip.ParseAddrPort(from); err == nil {
		return at.Addr().Unmap().String()
	}
	return from
}
