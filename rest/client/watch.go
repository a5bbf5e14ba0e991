package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"strconv"

	"github.com/weft-sdn/weft/model"
)

// ErrWatchEnded is what a watch ends with when the controller ended it, on its
// way down or because the reader was too slow. Watch again from the last
// revision.
var ErrWatchEnded = errors.New("the controller ended the watch")

// FromNow as a revision to watch from means: only what happens from now on.
const FromNow = ^uint64(0)

// Watch yields the changes after a revision, over one connection, until the
// reader stops or an error ends it, which is yielded last. An error of kind
// model.Gone says that the revision is too old: list again, then watch from
// there. When ctx ends, so does the watch, without an error.
//
// An event's Object is a model.Network, model.Endpoint or model.Host, by its
// Kind, or nil on delete.
func (c *Client) Watch(ctx context.Context, since uint64) iter.Seq2[model.Event, error] {
	return func(yield func(model.Event, error) bool) {
		ask := get("watch")
		if since != FromNow {
			ask.query = url.Values{"since": {strconv.FormatUint(since, 10)}}
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		response, err := c.send(ctx, ask)
		if err != nil {
			if ctx.Err() == nil {
				yield(model.Event{}, err)
			}
			return
		}
		defer response.Body.Close()
		err = readEvents(response.Body, func(e model.Event) bool { return yield(e, nil) })
		if err != nil && ctx.Err() == nil {
			yield(model.Event{}, err)
		}
	}
}

// maxEvent is far more than one object needs.
const maxEvent = 16 << 20

// readEvents hands over events as they arrive, until take wants no more (nil)
// or the stream ends (an error).
func readEvents(stream io.Reader, take func(model.Event) bool) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, maxEvent)
	var data []byte
	for lines.Scan() {
		line := lines.Bytes()
		if value, is := bytes.CutPrefix(line, []byte("data:")); is {
			if data = append(data, bytes.TrimPrefix(value, []byte(" "))...); len(data) > maxEvent {
				return fmt.Errorf("an event is longer than %d bytes; is this a Weft controller?", maxEvent)
			}
			continue
		}
		if len(line) > 0 || len(data) == 0 {
			continue // ids and types are in the data too
		}
		event, err := decodeEvent(data)
		if err != nil {
			return fmt.Errorf("an event cannot be read; is the controller of this version? %w", err)
		}
		data = nil
		if !take(event) {
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("the watch broke off: %w", err)
	}
	return ErrWatchEnded
}

func decodeEvent(data []byte) (model.Event, error) {
	var wire struct {
		model.Event
		Object json.RawMessage `json:"object"`
	}
	if err := json.Unmarshal(data, &wire); err != nil || len(wire.Object) == 0 {
		return wire.Event, err
	}
	var err error
	switch wire.Kind {
	case "network":
		wire.Event.Object, err = decodeObject[model.Network](wire.Object)
	case "endpoint":
		wire.Event.Object, err = decodeObject[model.Endpoint](wire.Object)
	case "underlay":
		wire.Event.Object, err = decodeObject[model.Underlay](wire.Object)
	case "host":
		wire.Event.Object, err = decodeObject[model.Host](wire.Object)
	}
	return wire.Event, err
}

func decodeObject[T any](data []byte) (any, error) {
	var object T
	err := json.Unmarshal(data, &object)
	return object, err
}
