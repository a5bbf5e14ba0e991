package rest

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/weft-sdn/weft/model"
)

const (
	// maxObject is far more than one network or endpoint needs.
	maxObject = 1 << 20
	// maxDocument holds a topology of a thousand hosts with their endpoints.
	maxDocument = 64 << 20
)

// decode reads the body of a request into the value that into points at.
func (r *request) decode(w http.ResponseWriter, into any) error {
	if err := checkMedia(r.Header); err != nil {
		return err
	}
	limit := r.call.limit()
	tooLarge := &refusal{sortTooLarge, "", fmt.Sprintf("the body is larger than %d MiB, which is the limit of this call", limit>>20)}
	if r.ContentLength > limit {
		return tooLarge // before a client that asks first (Expect) sends it
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return tooLarge
	case err != nil:
		return model.Invalidf("", "the body could not be read to its end: %s", err)
	}
	if wrong := decode(body, into); wrong != nil {
		return wrong
	}
	return nil
}

// checkMedia takes what says that it is JSON, and what curl -d and others say
// when nobody told them what it is.
func checkMedia(h http.Header) error {
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return &refusal{sortMedia, "Content-Encoding", fmt.Sprintf("the body is compressed (%s): send it as it is", shorten(encoding))}
	}
	given := h.Get("Content-Type")
	media, _, err := mime.ParseMediaType(given)
	switch {
	case given == "",
		err == nil && media == "application/json",
		err == nil && strings.HasSuffix(media, "+json"),
		err == nil && media == "application/x-www-form-urlencoded":
		return nil
	}
	return &refusal{sortMedia, "Content-Type", fmt.Sprintf("%q is not taken: send JSON with Content-Type: application/json, or without any (weft apply -f converts YAML)", shorten(given))}
}
