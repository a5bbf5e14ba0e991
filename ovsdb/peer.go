package ovsdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

const (
	// writeTimeout bounds one write: a peer that does not read is dropped.
	writeTimeout = 10 * time.Second
	// sendQueue is how many messages may wait for the writer. Few are ever
	// under way; a peer that fills it (echo requests without reading the
	// answers) is dropped.
	sendQueue = 32
	// introLimit caps messages until the peer has shown to be an OVSDB server.
	introLimit = 64 << 10
)

// message is any JSON-RPC 1.0 message (RFC 7047 section 4): a request has a
// method and an id, a notification a method and a null id, a response an id only.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

type request struct {
	ID     uint64 `json:"id"`
	Method string `json:"method"`
	Params any    `json:"params"`
}

type response struct {
	ID     json.RawMessage `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  any             `json:"error"`
}

// peer is the JSON-RPC peer at the other end. One goroutine reads, one writes,
// so that the reader never waits for a peer which itself waits for its answers
// to be read: ovsdb-server stops reading while it has a backlog.
type peer struct {
	conn   net.Conn
	in     *reader
	out    chan []byte
	notify func(method string, params json.RawMessage) error // on the reading goroutine

	mu      sync.Mutex
	lastID  uint64
	pending map[uint64]func(message)

	closing sync.Once
	done    chan struct{}
	err     error // why, once done is closed
}

func newPeer(conn net.Conn, cfg Config, notify func(string, json.RawMessage) error) *peer {
	p := &peer{
		conn:    conn,
		out:     make(chan []byte, sendQueue),
		notify:  notify,
		pending: make(map[uint64]func(message)),
		done:    make(chan struct{}),
	}
	p.in = &reader{conn: conn, probe: p.probe, probeAfter: cfg.ProbeAfter, dropAfter: cfg.DropAfter, since: time.Now()}
	p.in.limit.Store(introLimit)
	go p.write()
	go p.read()
	return p
}

// close ends the connection; the first cause stands.
func (p *peer) close(cause error) {
	p.closing.Do(func() {
		p.err = cause
		close(p.done)
		p.conn.Close()
	})
}

func (p *peer) write() {
	for {
		select {
		case b := <-p.out:
			if err := p.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
				p.close(fmt.Errorf("write: %w", err))
				return
			}
			if _, err := p.conn.Write(b); err != nil {
				p.close(fmt.Errorf("write: %w", err))
				return
			}
		case <-p.done:
			return
		}
	}
}

func (p *peer) read() {
	dec := json.NewDecoder(p.in)
	for {
		var m message
		if err := dec.Decode(&m); err != nil {
			p.close(readError(err))
			return
		}
		p.in.completed(dec.InputOffset())
		if err := p.receive(m); err != nil {
			p.close(err)
			return
		}
	}
}

// readError tells a peer that went away from one that talks nonsense.
func readError(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax), errors.As(err, &kind):
		return fmt.Errorf("%w: %w", ErrNotOVSDB, err)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the host closed the connection: %w", err)
	}
	return fmt.Errorf("read: %w", err)
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

func (p *peer) receive(m message) error {
	switch {
	case m.Method == "echo": // RFC 7047 section 4.1.11: the answer is what was asked
		params := m.Params
		if isNull(params) {
			params = json.RawMessage("[]")
		}
		return p.answer(response{ID: idOrNull(m.ID), Result: params})
	case m.Method != "" && isNull(m.ID):
		return p.notify(m.Method, m.Params)
	case m.Method != "":
		return p.answer(response{ID: m.ID, Result: json.RawMessage("null"), Error: "unknown method"})
	case isNull(m.ID):
		return fmt.Errorf("%w: a message with neither method nor id", ErrNotOVSDB)
	}
	id, err := strconv.ParseUint(string(m.ID), 10, 64)
	if err != nil {
		return fmt.Errorf("%w: a response to a request that was never made", ErrNotOVSDB)
	}
	p.mu.Lock()
	take := p.pending[id]
	delete(p.pending, id)
	p.mu.Unlock()
	if take != nil { // else: a probe's answer, or that of a call given up
		take(m)
	}
	return nil
}

func idOrNull(id json.RawMessage) json.RawMessage {
	if len(id) == 0 {
		return json.RawMessage("null")
	}
	return id
}

// answer queues a response. It is called on the reading goroutine and so must
// not wait.
func (p *peer) answer(r response) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	select {
	case p.out <- b:
		return nil
	default:
		return fmt.Errorf("the peer sends requests and does not read the answers")
	}
}

// probe sends an echo request whose answer nobody waits for; that something
// comes is enough.
func (p *peer) probe() {
	b, err := json.Marshal(request{ID: p.nextID(nil), Method: "echo", Params: []any{}})
	if err != nil {
		p.close(err)
		return
	}
	select {
	case p.out <- b:
	default: // the writer is stuck already, its own deadline decides
	}
}

// nextID returns a new request id, whose response goes to take.
func (p *peer) nextID(take func(message)) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastID++
	if take != nil {
		p.pending[p.lastID] = take
	}
	return p.lastID
}

// call makes a request and waits for the result. take, if not nil, sees the
// result first, on the reading goroutine: before any later message is looked at.
func (p *peer) call(ctx context.Context, method string, params any, take func(json.RawMessage) error) (json.RawMessage, error) {
	type outcome struct {
		result json.RawMessage
		err    error
	}
	answered := make(chan outcome, 1)
	id := p.nextID(func(m message) {
		switch {
		case !isNull(m.Error):
			answered <- outcome{err: fmt.Errorf("%s: the host refused: %s", method, m.Error)}
		case take != nil:
			answered <- outcome{result: m.Result, err: take(m.Result)}
		default:
			answered <- outcome{result: m.Result}
		}
	})
	forget := func() {
		p.mu.Lock()
		delete(p.pending, id)
		p.mu.Unlock()
	}
	b, err := json.Marshal(request{ID: id, Method: method, Params: params})
	if err != nil {
		forget()
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	select {
	case p.out <- b:
	case <-p.done:
		return nil, fmt.Errorf("%s: %w", method, p.err)
	case <-ctx.Done():
		forget()
		return nil, fmt.Errorf("%s: %w", method, ctx.Err())
	}
	select {
	case o := <-answered:
		return o.result, o.err
	case <-p.done:
		return nil, fmt.Errorf("%s: %w", method, p.err)
	case <-ctx.Done():
		forget()
		return nil, fmt.Errorf("%s: no answer: %w", method, ctx.Err())
	}
}
