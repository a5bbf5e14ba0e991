package rest

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/weft-sdn/weft/controller"
	"github.com/weft-sdn/weft/model"
)

// query is what the query string of a request may say.
type query struct {
	dryRun, wait, force, installed, difference bool
	timeout                                    time.Duration
	prune                                      string
	since                                      *uint64
}

// A parameter is one of the query string's; set reads its value and says what
// is wrong with it, if anything is.
type parameter struct {
	name   string
	about  string
	schema schema
	set    func(q *query, value string) string
}

// maxTimeout bounds ?timeout=: an answer is not kept open longer than that.
const maxTimeout = 2 * time.Minute

var (
	dryRun = flag("dryRun", "validate, change nothing, and answer with the difference for each host", func(q *query) *bool { return &q.dryRun })
	force  = flag("force", "delete the network together with its endpoints and NICs, and take it off its routers", func(q *query) *bool { return &q.force })

	forceDrain = flag("force", "also where the host is a network's only gateway host", func(q *query) *bool { return &q.force })

	forceRotation = flag("force", "do not wait for members that are dead: they have to join anew", func(q *query) *bool { return &q.force })

	installed  = flag("installed", "what a fresh dump of the switch shows", func(q *query) *bool { return &q.installed })
	difference = flag("diff", "what is missing on the switch, and what should not be there", func(q *query) *bool { return &q.difference })

	wait = parameter{
		name:   "wait",
		about:  "answer when every host concerned has confirmed; 504 names the hosts that have not, and the write stands",
		schema: schema{"type": "string", "enum": []string{"installed"}},
		set: func(q *query, value string) string {
			q.wait = true
			if value != "installed" {
				return fmt.Sprintf("%q: use wait=installed", shorten(value))
			}
			return ""
		},
	}
	timeout = parameter{
		name:   "timeout",
		about:  "how long to wait, such as 10s, at most " + maxTimeout.String(),
		schema: schema{"type": "string", "example": "10s"},
		set: func(q *query, value string) string {
			d, err := time.ParseDuration(value)
			if err != nil || d <= 0 || d > maxTimeout {
				return fmt.Sprintf("%q is not a time to wait: use something like 10s or 500ms, at most %s", shorten(value), maxTimeout)
			}
			q.timeout = d
			return ""
		},
	}
	prune = parameter{
		name:   "prune",
		about:  "the name of where the document comes from: what an earlier document of that source had and this has not is deleted",
		schema: schema{"type": "string"},
		set: func(q *query, value string) string {
			q.prune = value
			if err := model.CheckSource("prune", value); err != nil {
				return err.Detail
			}
			return ""
		},
	}
	since = parameter{
		name:   "since",
		about:  "the revision after which events are wanted; left out, those from now on. A Last-Event-ID header is stronger",
		schema: schema{"type": "integer", "format": "int64", "minimum": 0},
		set: func(q *query, value string) string {
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return fmt.Sprintf("%q is not a revision", shorten(value))
			}
			q.since = &n
			return ""
		},
	}
)

// onWrite are the parameters of every write.
var onWrite = []parameter{dryRun, wait, timeout}

func flag(name, about string, of func(*query) *bool) parameter {
	return parameter{
		name: name, about: about, schema: schema{"type": "boolean"},
		set: func(q *query, value string) string {
			if value != "true" && value != "false" {
				return fmt.Sprintf("%q: use %s=true or %s=false", shorten(value), name, name)
			}
			*of(q) = value == "true"
			return ""
		},
	}
}

// parseQuery reads a query string that may hold the given parameters and
// nothing else: a mistyped dryRun must not become a write.
func parseQuery(raw string, known []parameter) (query, *model.Error) {
	var q query
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, model.Invalidf("", "the query string cannot be read: %s", err)
	}
	left := len(values)
	for _, p := range known {
		given, ok := values[p.name]
		if !ok {
			continue
		}
		left--
		if len(given) > 1 {
			return q, model.Invalidf(p.name, "is given %d times: keep one", len(given))
		}
		if wrong := p.set(&q, given[0]); wrong != "" {
			return q, model.Invalidf(p.name, "%s", wrong)
		}
	}
	if left > 0 {
		return q, unknownParameter(values, known)
	}
	switch {
	case q.timeout != 0 && !q.wait:
		return q, model.Invalidf("timeout", "says how long to wait: add wait=installed")
	case q.dryRun && q.wait:
		return q, model.Invalidf("wait", "a dry run installs nothing that could be waited for: leave wait or dryRun out")
	case q.installed && q.difference:
		return q, model.Invalidf("diff", "use either installed or diff")
	}
	return q, nil
}

func unknownParameter(values url.Values, known []parameter) *model.Error {
	names := make([]string, 0, len(known))
	for _, p := range known {
		names = append(names, p.name)
		delete(values, p.name)
	}
	unknown := ""
	for name := range values {
		if unknown == "" || name < unknown {
			unknown = name
		}
	}
	return model.Invalidf(join("", unknown), "no such parameter of this call%s", didYouMean(unknown, names))
}

// writeOptions says to the controller what the query asks of a write.
func (q query) writeOptions() controller.WriteOptions {
	return controller.WriteOptions{DryRun: q.dryRun, Wait: q.wait, Timeout: q.timeout, Force: q.force, Prune: q.prune}
}
