package simhost

import (
	"encoding/json"
	"net"
	"sync"
)

// client is whoever speaks OVSDB to the host's database: the manager.
type client struct {
	host     *Host
	conn     net.Conn
	out      outbox
	monitors map[string]map[string][]string // id as JSON → table → columns; guarded by host.mu
}

// call is a request, a notification or a response (RFC 7047 section 4).
type call struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
}

type answer struct {
	ID     json.RawMessage `json:"id"`
	Result any             `json:"result"`
	Error  any             `json:"error"`
}

type notification struct {
	ID     any    `json:"id"`
	Method string `json:"method"`
	Params []any  `json:"params"`
}

// serve answers until the connection ends.
func (c *client) serve() {
	var writing sync.WaitGroup
	writing.Go(func() { c.out.run(c.conn) })
	defer writing.Wait()
	defer c.out.close()
	dec := json.NewDecoder(c.conn)
	for {
		var r call
		if dec.Decode(&r) != nil {
			return
		}
		if r.Method == "" {
			continue // the answer to a probe
		}
		c.host.mu.Lock()
		c.handle(r)
		c.host.mu.Unlock()
	}
}

// handle answers a request; the caller holds host.mu, so that updates and
// answers go out in the order of the transactions.
func (c *client) handle(r call) {
	switch {
	case r.Method == "echo":
		c.out.send(answer{ID: r.ID, Result: r.Params})
	case r.Method == "list_dbs":
		c.out.send(answer{ID: r.ID, Result: []string{"Open_vSwitch", "_Server"}})
	case r.Method == "lock" && len(r.Params) == 1:
		c.out.send(answer{ID: r.ID, Result: map[string]bool{"locked": c.host.lock(string(r.Params[0]), c)}})
	case r.Method == "unlock" && len(r.Params) == 1:
		c.host.unlock(string(r.Params[0]), c)
		c.out.send(answer{ID: r.ID, Result: struct{}{}})
	case r.Method == "monitor" && len(r.Params) == 3:
		c.monitor(r)
	case r.Method == "transact" && len(r.Params) > 0:
		c.transact(r)
	default:
		c.out.send(answer{ID: r.ID, Error: "unknown method"})
	}
}

func (c *client) monitor(r call) {
	var requests map[string]struct {
		Columns []string `json:"columns"`
	}
	if err := json.Unmarshal(r.Params[2], &requests); err != nil {
		c.out.send(answer{ID: r.ID, Error: err.Error()})
		return
	}
	columns := map[string][]string{}
	for table, request := range requests {
		for _, name := range request.Columns {
			if _, known := schema[table][name]; !known {
				c.out.send(answer{ID: r.ID, Error: "no column " + name + " in table " + table})
				return
			}
		}
		columns[table] = request.Columns
	}
	c.monitors[string(r.Params[1])] = columns
	c.out.send(answer{ID: r.ID, Result: c.host.db.contents(columns)})
}

func (c *client) transact(r call) {
	ops := make([]operation, len(r.Params)-1)
	for i, raw := range r.Params[1:] {
		if err := json.Unmarshal(raw, &ops[i]); err != nil {
			c.out.send(answer{ID: r.ID, Error: err.Error()})
			return
		}
	}
	owns := func(lock string) bool {
		quoted, err := json.Marshal(lock)
		return err == nil && c.host.locks[string(quoted)] == c
	}
	results, change := c.host.db.transact(ops, owns)
	c.host.publish(change) // the updates come before the answer, as from ovsdb-server
	c.out.send(answer{ID: r.ID, Result: results})
	c.host.reconfigure()
}

// outbox queues messages of any number, since ovsdb-server keeps a backlog too
// and a test's host must not stop where its controller is slow.
type outbox struct {
	mu     sync.Mutex
	wake   sync.Cond
	queue  [][]byte
	closed bool
}

func (o *outbox) send(m any) {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // all of it was made here
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue = append(o.queue, b)
	o.wake.Signal()
}

func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.wake.Signal()
}

// run writes what is queued until the outbox is closed or the connection ends.
func (o *outbox) run(conn net.Conn) {
	for {
		o.mu.Lock()
		for len(o.queue) == 0 && !o.closed {
			o.wake.Wait()
		}
		queue := net.Buffers(o.queue)
		o.queue = nil
		o.mu.Unlock()
		if len(queue) == 0 {
			return
		}
		if _, err := queue.WriteTo(conn); err != nil {
			conn.Close()
			return
		}
	}
}
