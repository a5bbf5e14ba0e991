package session

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// Config is what a session may be told. The zero value of a duration or size
// takes the default named with it.
type Config struct {
	Logger *slog.Logger // default: slog.Default

	// GenerationID goes with the claim of the role MASTER. It must never fall:
	// a switch refuses an older one than it has seen (ErrStale).
	GenerationID uint64
	// Repair undoes what others change; without it that is only reported.
	Repair bool
	// Except are cookies of flows that are not the session's business: those
	// that the switch makes itself, by learn() actions of flows of ours, and
	// those that others may have there. They are neither reported nor removed.
	Except program.CookieRanges

	// HandshakeTimeout bounds Accept: 10 s.
	HandshakeTimeout time.Duration
	// Silence is how long a switch may say nothing at all, not even to an echo
	// request: 15 s, since ovs-vswitchd answers nothing while it commits, and
	// that takes up to 2 s for a million flows.
	Silence time.Duration
	// CommitTimeout takes the place of Silence while a bundle is in flight:
	// 60 s.
	CommitTimeout time.Duration
	// AnswerTimeout is how long an answer, or its next part, may take: as
	// CommitTimeout.
	AnswerTimeout time.Duration
	// WriteTimeout is how long 64 KB may take to be written: 15 s.
	WriteTimeout time.Duration
	// GroupCheck is how often groups are read back, of whose changes no monitor
	// tells: 5 s.
	GroupCheck time.Duration
	// MaxMessage is the longest message accepted: 65535 bytes, the most that
	// OpenFlow allows.
	MaxMessage int
	// MaxReply is the most that all messages of one multipart reply may have:
	// 512 MiB, some three million flows.
	MaxReply int
	// Queue is how many events may wait for the Handler: 4096. A session whose
	// Handler lets more wait is closed.
	Queue int
}

func (c Config) withDefaults() Config {
	c.Logger = cmp.Or(c.Logger, slog.Default())
	c.HandshakeTimeout = cmp.Or(c.HandshakeTimeout, 10*time.Second)
	c.Silence = cmp.Or(c.Silence, 15*time.Second)
	c.CommitTimeout = cmp.Or(c.CommitTimeout, 60*time.Second)
	c.AnswerTimeout = cmp.Or(c.AnswerTimeout, c.CommitTimeout)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 15*time.Second)
	c.GroupCheck = cmp.Or(c.GroupCheck, 5*time.Second)
	c.MaxMessage = cmp.Or(c.MaxMessage, openflow.MaxMessage)
	c.MaxReply = cmp.Or(c.MaxReply, 512<<20)
	c.Queue = cmp.Or(c.Queue, 4096)
	return c
}
