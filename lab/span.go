package lab

import (
	"fmt"
	"strings"
	"time"
)

// Span is a time, written 500ms or 2s.
type Span time.Duration

// UnmarshalJSON takes text with a unit.
func (s *Span) UnmarshalJSON(raw []byte) error {
	d, err := time.ParseDuration(strings.Trim(string(raw), `"`))
	if err != nil || d <= 0 {
		return fmt.Errorf("%s is not a time: write for instance 500ms", raw)
	}
	*s = Span(d)
	return nil
}

// MarshalJSON writes what [Span.UnmarshalJSON] reads.
func (s Span) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

func (s Span) String() string { return time.Duration(s).String() }
