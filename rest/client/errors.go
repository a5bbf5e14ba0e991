package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/weft-sdn/weft/model"
)

// ErrUnreachable is wrapped by the errors of calls that got no answer.
var ErrUnreachable = errors.New("no answer")

func (c *Client) unreachable(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	// The URL is said already, net/http would say it again.
	var about *url.Error
	if errors.As(err, &about) {
		err = about.Err
	}
	return fmt.Errorf("%w from the controller at %s: %w", ErrUnreachable, c.base, err)
}

// problem is the part of an RFC 9457 body that a model.Error can hold.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Field  string `json:"field"`

	Revision uint64 `json:"revision"` // that a write reached all the same
}

// kindOf maps the types of problems to the kinds they were made from.
var kindOf = map[string]model.Kind{
	"/problems/not-found":           model.NotFound,
	"/problems/conflict":            model.Conflict,
	"/problems/exhausted":           model.Exhausted,
	"/problems/precondition-failed": model.PreconditionFailed,
	"/problems/gone":                model.Gone,
	"/problems/unavailable":         model.Unavailable,
	"/problems/storage-full":        model.OutOfDisk,
	"/problems/internal":            model.Unavailable,
	"/problems/timeout":             model.Timeout,
}

// refusal makes the error that an answer reports. What the model has no kind
// for, such as a missing token, is an invalid request.
func refusal(response *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	var p problem
	if err := json.Unmarshal(body, &p); err != nil || p.Type == "" {
		return fmt.Errorf("%s answered %s, which no Weft controller does: is the address right?", response.Request.URL.Host, response.Status)
	}
	kind, ok := kindOf[p.Type]
	if !ok {
		kind = model.Invalid
	}
	if p.Detail == "" {
		p.Detail = p.Title
	}
	known := &model.Error{Kind: kind, Field: p.Field, Detail: p.Detail}
	if kind != model.Timeout {
		return known
	}
	return &unconfirmed{known, Outcome{Created: response.Header.Get("Location") != "", Revision: p.Revision}}
}

// unconfirmed is the refusal to say that a write is installed. The write
// stands, and outcome says what became of it.
type unconfirmed struct {
	reason  *model.Error
	outcome Outcome
}

func (u *unconfirmed) Error() string { return u.reason.Error() }
func (u *unconfirmed) Unwrap() error { return u.reason }

// outcomeOf returns what became of a write that ended with err.
func outcomeOf(err error) Outcome {
	var stands *unconfirmed
	if errors.As(err, &stands) {
		return stands.outcome
	}
	return Outcome{}
}
