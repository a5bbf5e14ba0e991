package membership

import "fmt"

const (
	maxName     = 128 // a hostname, or a system-id
	maxCluster  = 64
	maxDatapath = 16
	maxVersion  = 64
)

// checkText lets through what can stand in a log, a table and a URL: what comes
// from another host is shown to people.
func checkText(what, s string, limit int) error {
	if s == "" {
		return fmt.Errorf("%s is empty", what)
	}
	if len(s) > limit {
		return fmt.Errorf("%s has %d characters, at most %d are possible", what, len(s), limit)
	}
	for i := range len(s) {
		// A slash separates name and address where memberlist joins.
		if c := s[i]; c <= ' ' || c > '~' || c == '/' || c == '"' {
			return fmt.Errorf("%s %q has a character that is not possible there: %q", what, s, c)
		}
	}
	return nil
}
