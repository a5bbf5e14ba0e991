package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/weft-sdn/weft/model"
)

// eventTimeout is how long a watcher may take to accept an event; one that is
// slower is dropped, and comes back with the id of what it saw last.
const eventTimeout = 10 * time.Second

// watch answers with server-sent events (WHATWG HTML, section 9.2): the id is
// the revision, the event is put or delete, the data the whole event.
func (s *Server) watch(w http.ResponseWriter, r *request) error {
	from, err := s.watchFrom(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	events, err := s.controller.Watch(ctx, from)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", eventStream)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set(revisionHeader, decimal(from))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	s.stream(stream{w, http.NewResponseController(w)}, events)
	return nil
}

// watchFrom says after which revision the events are wanted. A browser's
// EventSource repeats its first address when it comes back, and tells what it
// saw last in a header: the header is right.
func (s *Server) watchFrom(r *request) (uint64, error) {
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		n, err := strconv.ParseUint(last, 10, 64)
		if err != nil {
			return 0, model.Invalidf("Last-Event-ID", "%q is not the id of an event", shorten(last))
		}
		return n, nil
	}
	if r.query.since != nil {
		return *r.query.since, nil
	}
	return s.controller.Revision(), nil
}

// stream writes events until there are no more or nobody reads them, with a
// comment now and then, by which both ends notice that the other has gone.
func (s *Server) stream(to stream, events <-chan model.Event) {
	to.control.SetReadDeadline(time.Time{})
	heartbeat := time.NewTicker(s.config.Heartbeat)
	defer heartbeat.Stop()
	if to.send(": watching\n\n") != nil {
		return
	}
	for {
		text := ": heartbeat\n\n"
		select {
		case event, open := <-events:
			if !open {
				return
			}
			data, err := json.Marshal(event)
			if err != nil {
				s.log.Error("cannot encode an event", "kind", event.Kind, "name", event.Name, "error", err)
				return
			}
			text = frame(event, data)
		case <-heartbeat.C:
		}
		if to.send(text) != nil {
			return
		}
	}
}

// frame is an event on the wire. JSON as encoding/json writes it has no line
// breaks, so that one data line holds it.
func frame(event model.Event, data []byte) string {
	return fmt.Sprintf("id: %d\nevent: %s\ndata: %s\n\n", event.Revision, event.Type, data)
}

type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (s stream) send(text string) error {
	s.control.SetWriteDeadline(time.Now().Add(eventTimeout))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
