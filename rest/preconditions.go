package rest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/weft-sdn/weft/model"
)

func etag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }

// parseTags reads the entity tags of an If-Match or If-None-Match header
// (RFC 9110 section 13.1). "*" is one of them when it stands alone.
func parseTags(name string, lines []string) ([]string, *model.Error) {
	var tags []string
	for tag := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		tag = strings.TrimSpace(tag)
		opaque := strings.TrimPrefix(tag, "W/")
		quoted := len(opaque) >= 2 && opaque[0] == '"' && opaque[len(opaque)-1] == '"'
		if tag != "*" && !quoted {
			return nil, model.Invalidf(name, `%q is not an entity tag: use the ETag of the object, such as "12" with its quotes, or *`, shorten(tag))
		}
		tags = append(tags, tag)
	}
	if len(tags) > 1 && slices.Contains(tags, "*") {
		return nil, model.Invalidf(name, "* stands alone")
	}
	return tags, nil
}

// ifMatch says which revision the object must have for the request to be
// carried out; 0 is any. current tells the revision that it has now.
func ifMatch(r *http.Request, current func() (uint64, error)) (uint64, error) {
	lines := r.Header.Values("If-Match")
	if len(lines) == 0 {
		return 0, nil
	}
	tags, wrong := parseTags("If-Match", lines)
	if wrong != nil {
		return 0, wrong
	}
	now, err := current()
	if model.KindOf(err) == model.NotFound {
		return 0, model.Errorf(model.PreconditionFailed, "If-Match", "there is no such object: leave If-Match out to create it")
	}
	if err != nil {
		return 0, err
	}
	// A weak tag is equal to none here (RFC 9110 section 8.8.3.2). The
	// revision found is demanded of the controller again, which compares and
	// writes in one step.
	if tags[0] == "*" || slices.Contains(tags, etag(now)) {
		return now, nil
	}
	return 0, model.Errorf(model.PreconditionFailed, "If-Match", "the object has revision %d: it has changed since you read it, read it again", now)
}

// refuseConditions answers preconditions where they cannot be kept: ignoring
// one would overwrite what it was to protect.
func refuseConditions(h http.Header, names ...string) error {
	for _, name := range names {
		if len(h.Values(name)) > 0 {
			return model.Invalidf(name, "is not possible here: %s", conditionHelp[name])
		}
	}
	return nil
}

var conditionHelp = map[string]string{
	"If-Match":      "use it with PUT and DELETE of one object",
	"If-None-Match": "use it with GET; POST creates only what does not exist",
}

// notModified answers a GET with 304 when the client has that revision. It
// compares weakly, as RFC 9110 section 13.1.2 says.
func notModified(w http.ResponseWriter, r *http.Request, revision uint64) (bool, error) {
	w.Header().Set("ETag", etag(revision))
	lines := r.Header.Values("If-None-Match")
	if len(lines) == 0 {
		return false, nil
	}
	tags, wrong := parseTags("If-None-Match", lines)
	if wrong != nil {
		return false, wrong
	}
	for _, tag := range tags {
		if tag == "*" || strings.TrimPrefix(tag, "W/") == etag(revision) {
			w.WriteHeader(http.StatusNotModified)
			return true, nil
		}
	}
	return false, nil
}
