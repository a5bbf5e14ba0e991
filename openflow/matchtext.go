package openflow

import "strings"

// String is the match as ovs-ofctl prints it.
func (m Match) String() string { return m.Format(Names{}) }

// Format is String with names for ports.
func (m Match) Format(n Names) string {
	var parts []string
	for _, v := range m {
		parts = append(parts, v.Field.matchName+"="+v.Field.text(v.Value, v.Mask, n))
	}
	return strings.Join(parts, ",")
}
