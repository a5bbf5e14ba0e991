package localdb

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

const database = "Open_vSwitch"

// writeTimeout bounds one write; ovsdb-server reads at once.
const writeTimeout = 10 * time.Second

// The only requests, by their ids. One transaction at a time is under way.
const (
	monitorID = iota + 1
	transactID
)

// message is any message of JSON-RPC 1.0 (RFC 7047 section 4).
type message struct {
	ID     *json.RawMessage  `json:"id"`
	Method string            `json:"method,omitempty"`
	Params []json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage   `json:"result,omitempty"`
	Error  json.RawMessage   `json:"error,omitempty"`
}

// conn is one connection. Everything happens in run, one thing at a time.
type conn struct {
	socket net.Conn
	pokes  chan struct{} // has room for one

	rows     map[string]row // of table Interface, those that are looked for, by UUID
	root     string         // UUID of the Open_vSwitch row
	reported string         // what that row has
	writing  bool           // a transaction is under way

	untilReported bool // run returns when the report is as wanted
}

// row is what matters of an Interface.
type row struct {
	name        string
	externalIDs map[string]string
}

func newConn(socket net.Conn) *conn {
	return &conn{socket: socket, pokes: make(chan struct{}, 1), rows: make(map[string]row)}
}

// poke has run look at what is to be reported.
func (c *conn) poke() {
	select {
	case c.pokes <- struct{}{}:
	default:
	}
}

// run follows the database until the connection ends. It calls seen with every
// state, and writes the wanted report where that is missing.
func (c *conn) run(seen func(State), wanted func() (string, bool)) error {
	if err := c.monitor(); err != nil {
		return err
	}
	messages, broken := make(chan message), make(chan error, 1)
	ended := make(chan struct{})
	defer close(ended)
	go func() { broken <- c.read(messages, ended) }()
	for {
		select {
		case m := <-messages:
			if err := c.receive(m, seen); err != nil {
				return err
			}
		case <-c.pokes:
		case err := <-broken:
			return err
		}
		if text, ok := wanted(); ok {
			if err := c.writeReport(text); err != nil {
				return err
			}
			if c.untilReported && c.root != "" && c.reported == text {
				return nil
			}
		}
	}
}

func (c *conn) read(into chan<- message, ended <-chan struct{}) error {
	for d := json.NewDecoder(c.socket); ; {
		var m message
		if err := d.Decode(&m); err != nil {
			if errors.Is(err, io.EOF) {
				return errors.New("ovsdb-server closed the connection")
			}
			return err
		}
		select {
		case into <- m:
		case <-ended:
			return nil
		}
	}
}

func (c *conn) send(m any) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := c.socket.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err = c.socket.Write(b)
	return err
}

// request is a call (RFC 7047 section 4).
type request struct {
	ID     int    `json:"id"`
	Method string `json:"method"`
	Params any    `json:"params"`
}

// response answers an echo request.
type response struct {
	ID     *json.RawMessage  `json:"id"`
	Result []json.RawMessage `json:"result"`
	Error  any               `json:"error"`
}

// monitor asks for two columns, and every change of them (RFC 7047 section 4.1.5).
func (c *conn) monitor() error {
	return c.send(request{ID: monitorID, Method: "monitor", Params: ovsdb.NewMonitorArgs(database, nil, map[string]ovsdb.MonitorRequest{
		"Open_vSwitch": {Columns: []string{"external_ids"}, Select: ovsdb.NewDefaultMonitorSelect()},
		"Interface":    {Columns: []string{"name", "external_ids"}, Select: ovsdb.NewDefaultMonitorSelect()},
	})})
}

func (c *conn) receive(m message, seen func(State)) error {
	var id int
	if m.ID != nil && m.Method == "" {
		if err := json.Unmarshal(*m.ID, &id); err != nil {
			return fmt.Errorf("a response to a request that was never made: %s", *m.ID)
		}
	}
	switch {
	case m.Method == "echo":
		return c.send(response{ID: m.ID, Result: m.Params})
	case m.Method == "update" && len(m.Params) == 2:
		return c.update(m.Params[1], seen)
	case id == monitorID && isNull(m.Error):
		return c.update(m.Result, seen)
	case id == transactID:
		c.writing = false
		return transacted(m)
	case !isNull(m.Error):
		return fmt.Errorf("ovsdb-server refused: %s", m.Error)
	}
	return nil
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// update takes in rows (RFC 7047 section 4.1.6).
func (c *conn) update(raw json.RawMessage, seen func(State)) error {
	var tables ovsdb.TableUpdates
	if err := json.Unmarshal(raw, &tables); err != nil {
		return fmt.Errorf("understand an update of OVSDB: %w", err)
	}
	for uuid, u := range tables["Open_vSwitch"] {
		if u.New != nil {
			c.root, c.reported = uuid, stringMap(*u.New)[ReportKey]
		}
	}
	for uuid, u := range tables["Interface"] {
		delete(c.rows, uuid)
		if u.New == nil {
			continue
		}
		if name, _ := (*u.New)["name"].(string); name == Interface || isSelf(name) {
			c.rows[uuid] = row{name, stringMap(*u.New)}
		}
	}
	s := State{}
	for _, r := range c.rows { // the name is an index of the table
		if r.name == Interface {
			s.Gateway = r.externalIDs
			continue
		}
		if s.Selves == nil {
			s.Selves = map[string]map[string]string{}
		}
		s.Selves[r.name] = r.externalIDs
	}
	seen(s)
	return nil
}

// isSelf reports whether the host is in a network itself by an interface of that
// name.
func isSelf(name string) bool {
	digits, is := strings.CutPrefix(name, SelfPrefix)
	_, err := strconv.ParseUint(digits, 10, 32)
	return is && err == nil
}

func stringMap(r ovsdb.Row) map[string]string {
	out := make(map[string]string)
	m, _ := r["external_ids"].(ovsdb.OvsMap)
	for k, v := range m.GoMap {
		key, isKey := k.(string)
		value, isValue := v.(string)
		if isKey && isValue {
			out[key] = value
		}
	}
	return out
}

// writeReport puts the report into the database, if it is another. That it is
// there is known only when the update about it has come.
func (c *conn) writeReport(text string) error {
	if c.root == "" || c.writing || c.reported == text {
		return nil
	}
	keys := ovsdb.OvsSet{GoSet: []any{ReportKey}}
	// An insert keeps what a key has (RFC 7047 section 5.1), so it is deleted first.
	mutations := []ovsdb.Mutation{{Column: "external_ids", Mutator: ovsdb.MutateOperationDelete, Value: keys}}
	if text != "" {
		mutations = append(mutations, ovsdb.Mutation{Column: "external_ids", Mutator: ovsdb.MutateOperationInsert,
			Value: ovsdb.OvsMap{GoMap: map[any]any{ReportKey: text}}})
	}
	c.writing = true
	return c.send(request{ID: transactID, Method: "transact", Params: ovsdb.NewTransactArgs(database, ovsdb.Operation{
		Op: ovsdb.OperationMutate, Table: "Open_vSwitch", Mutations: mutations,
		Where: []ovsdb.Condition{ovsdb.NewCondition("_uuid", ovsdb.ConditionEqual, ovsdb.UUID{GoUUID: c.root})},
	})})
}

// transacted reads the result of a transaction (RFC 7047 section 4.1.3).
func transacted(m message) error {
	var results []struct {
		Error   string `json:"error"`
		Details string `json:"details"`
	}
	if !isNull(m.Error) {
		return fmt.Errorf("report to OVSDB: %s", m.Error)
	}
	if err := json.Unmarshal(m.Result, &results); err != nil {
		return fmt.Errorf("understand a result of OVSDB: %w", err)
	}
	for _, r := range results {
		if r.Error != "" {
			return fmt.Errorf("report to OVSDB: %s (%s)", r.Error, r.Details)
		}
	}
	return nil
}
