package simhost

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/ovsdb"
)

// plugger is what a test does to a host, real or simulated.
type plugger interface {
	plug(port, ifaceID string) error
	unplug(port string) error
}

type simulated struct{ *Host }

func (s simulated) plug(port, ifaceID string) error {
	return s.Plug("br-weft", port, map[string]string{"iface-id": ifaceID})
}
func (s simulated) unplug(port string) error { return s.Unplug("br-weft", port) }

// onBoth runs a scenario against the real and the simulated host, and compares
// what it returns.
func onBoth(t *testing.T, scenario func(t *testing.T, c *controlled) []string) {
	var results [2][]string
	for i, kind := range []string{"real", "simulated"} {
		if !t.Run(kind, func(t *testing.T) {
			c := listen(t)
			if kind == "real" {
				c.host = startReal(t, c.manager.Addr().String())
			} else {
				h := New(Config{SystemID: "simulated", Manager: c.manager.Addr().String(), Backoff: 50 * time.Millisecond})
				h.Start()
				t.Cleanup(h.Stop)
				c.host = simulated{h}
			}
			results[i] = scenario(t, c)
		}) {
			return
		}
		if results[i] == nil {
			t.Skip("there is nothing to compare with")
		}
	}
	if d := cmp.Diff(results[0], results[1]); d != "" {
		t.Errorf("the simulated host (+) is not as the real one (-):\n%s", d)
	}
	for _, line := range results[0] {
		t.Log(line)
	}
}

// controlled is a host and what controls it.
type controlled struct {
	t                 *testing.T
	host              plugger
	manager, switches net.Listener
}

func listen(t *testing.T) *controlled {
	c := &controlled{t: t}
	for _, l := range []*net.Listener{&c.manager, &c.switches} {
		var err error
		if *l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*l).Close() })
	}
	return c
}

func (c *controlled) accept(l net.Listener) net.Conn {
	c.t.Helper()
	l.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	conn, err := l.Accept()
	if err != nil {
		c.t.Fatalf("the host does not dial: %v", err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	c.t.Cleanup(func() { conn.Close() })
	return conn
}

func (c *controlled) wanted() ovsdb.Wanted {
	return ovsdb.Wanted{
		Mark: "cluster", DatapathID: 0x1234, DatapathType: "system",
		ControllerTargets:   []string{"tcp:" + c.switches.Addr().String()},
		ControllerRateLimit: 100, ControllerBurstLimit: 50,
		TableNames: map[int]string{0: "classify", 10: "security"},
		Ports:      []ovsdb.WantedPort{{Name: "weft-vxlan", Type: "vxlan", Options: map[string]string{"remote_ip": "flow", "key": "flow"}}},
	}
}

// database has the host's bridge made and returns its OVSDB connection.
func (c *controlled) database() *ovsdb.Conn {
	c.t.Helper()
	conn := c.accept(c.manager)
	conn.SetDeadline(time.Time{})
	db, err := ovsdb.Accept(c.t.Context(), conn, ovsdb.Config{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { db.Close(nil) })
	if _, err := db.Ensure(c.t.Context(), c.wanted()); err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	if err := db.WaitApplied(ctx); err != nil {
		c.t.Fatal(err)
	}
	return db
}

func await(t *testing.T, db *ovsdb.Conn, what string, ok func(*ovsdb.View) bool) *ovsdb.View {
	t.Helper()
	timeout := time.After(patience)
	for {
		v, next := db.View()
		if ok(v) {
			return v
		}
		select {
		case <-next:
		case <-timeout:
			t.Fatalf("waited in vain for %s; the last view is %+v", what, v)
		}
	}
}

func hasPort(name string) func(*ovsdb.View) bool {
	return func(v *ovsdb.View) bool {
		return slices.ContainsFunc(v.Ports, func(p ovsdb.Port) bool { return p.Name == name && p.Interfaces[0].OFPort > 0 })
	}
}

// describe is what of a view does not differ from one host to another.
func describe(v *ovsdb.View) []string {
	b := v.Bridge
	lines := []string{fmt.Sprintf("bridge %s %v %v %s %q %s protocols %v, applied %v", b.Name, b.ExternalIDs, b.OtherConfig, b.FailMode, b.DatapathType, b.DatapathID, b.Protocols, v.NextCfg == v.CurCfg)}
	for _, c := range b.Controllers {
		lines = append(lines, fmt.Sprintf("controller %s %d %d %v connected %v", c.ConnectionMode, c.RateLimit, c.BurstLimit, c.ExternalIDs, c.Connected))
	}
	for _, n := range []int{0, 10} {
		lines = append(lines, fmt.Sprintf("table %d %s %v", n, b.FlowTables[n].Name, b.FlowTables[n].ExternalIDs))
	}
	for _, p := range v.Ports {
		i := p.Interfaces[0]
		lines = append(lines, fmt.Sprintf("port %s %v: %s %q %v %v local %v error %q", p.Name, p.ExternalIDs, i.Name, i.Type, i.Options, i.ExternalIDs, i.OFPort == 65534, i.Error))
	}
	return lines
}

func TestTheDatabaseIsLikeARealOne(t *testing.T) {
	onBoth(t, func(t *testing.T, c *controlled) []string {
		db := c.database()
		var said []string
		note := func(v *ovsdb.View) { said = append(said, describe(v)...) }
		note(await(t, db, "the tunnel's number", hasPort("weft-vxlan")))
		changed, err := db.Ensure(t.Context(), c.wanted())
		said = append(said, fmt.Sprintf("again: %v %v", changed, err))
		if err := c.host.plug("p1", "endpoint-1"); err != nil {
			t.Fatal(err)
		}
		note(await(t, db, "the new port", hasPort("p1")))
		w := c.wanted()
		w.TableNames = map[int]string{0: "zero"}
		w.ControllerRateLimit = 700
		changed, err = db.Ensure(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, fmt.Sprintf("another: %v", changed))
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := db.WaitApplied(ctx); err != nil {
			t.Fatal(err)
		}
		note(await(t, db, "the change", func(v *ovsdb.View) bool { return v.Bridge.FlowTables[0].Name == "zero" }))
		if err := c.host.unplug("p1"); err != nil {
			t.Fatal(err)
		}
		note(await(t, db, "the end of the port", func(v *ovsdb.View) bool { return !hasPort("p1")(v) && len(v.Ports) == 2 }))
		return said
	})
}

func TestTransactionsAreRefusedAsByARealOne(t *testing.T) {
	onBoth(t, func(t *testing.T, c *controlled) []string {
		conn := c.accept(c.manager)
		dec := json.NewDecoder(conn)
		var said []string
		call := func(id int, method string, params string) {
			fmt.Fprintf(conn, `{"id":%d,"method":%q,"params":%s}`, id, method, params)
			for {
				var m struct {
					ID     any             `json:"id"`
					Method string          `json:"method"`
					Result json.RawMessage `json:"result"`
					Error  any             `json:"error"`
				}
				if err := dec.Decode(&m); err != nil {
					t.Fatal(err)
				}
				if m.Method != "" {
					continue
				}
				var results []map[string]any
				_ = json.Unmarshal(m.Result, &results) // not all are lists
				words := []string{method, fmt.Sprint(m.Error != nil)}
				for _, r := range results {
					switch {
					case r == nil:
						words = append(words, "null")
					case r["error"] != nil:
						words = append(words, fmt.Sprint(r["error"]))
					case r["count"] != nil:
						words = append(words, fmt.Sprintf("count %v", r["count"]))
					default:
						words = append(words, "ok")
					}
				}
				said = append(said, fmt.Sprintf("%d %s", id, strings.Join(words, ", ")))
				return
			}
		}
		for i, ops := range []string{
			`{"op":"assert","lock":"weft"}`,
			`{"op":"insert","table":"Nothing","row":{}}`,
			`{"op":"insert","table":"Bridge","row":{"nothing":1}}`,
			`{"op":"insert","table":"Bridge","row":{"name":5}}`,
			`{"op":"insert","table":"Bridge","row":{"name":"b1","fail_mode":["set",["secure","standalone"]]}}`,
			`{"op":"select","table":"Bridge","where":[["name","==","none"]],"columns":["name"]}`,
			`{"op":"update","table":"Bridge","row":{"datapath_type":"x"}}`,
			`{"op":"mutate","table":"Open_vSwitch","where":[],"mutations":[["next_cfg","+=",1]]}`,
			`{"op":"insert","table":"Bridge","uuid-name":"b","row":{"name":"b1"}},{"op":"mutate","table":"Open_vSwitch","where":[],"mutations":[["bridges","insert",["set",[["named-uuid","b"]]]]]}`,
			`{"op":"insert","table":"Bridge","uuid-name":"b","row":{"name":"b1"}},{"op":"mutate","table":"Open_vSwitch","where":[],"mutations":[["bridges","insert",["set",[["named-uuid","b"]]]]]}`,
			`{"op":"update","table":"Bridge","where":[["name","==","b1"]],"row":{"name":"b2"}}`,
			`{"op":"update","table":"Bridge","where":[["name","==","b1"]],"row":{"external_ids":["map",[["a","b"]]]}}`,
			`{"op":"wait","table":"Bridge","where":[["name","==","b1"]],"timeout":0,"columns":["external_ids"],"until":"==","rows":[{"external_ids":["map",[["a","b"]]]}]}`,
			`{"op":"wait","table":"Bridge","where":[["name","==","b1"]],"timeout":0,"columns":["external_ids"],"until":"==","rows":[{"external_ids":["map",[["a","c"]]]}]},{"op":"delete","table":"Bridge","where":[]}`,
			`{"op":"mutate","table":"Bridge","where":[["name","==","b1"]],"mutations":[["external_ids","insert",["map",[["a","other"],["b","new"]]]],["external_ids","delete",["set",["b"]]]]}`,
			`{"op":"wait","table":"Bridge","where":[["name","==","b1"]],"timeout":0,"columns":["external_ids"],"until":"==","rows":[{"external_ids":["map",[["a","b"]]]}]}`,
			`{"op":"mutate","table":"Bridge","where":[["name","==","b1"]],"mutations":[["ports","insert",["set",[["uuid","11111111-1111-4111-8111-111111111111"]]]]]}`,
			`{"op":"insert","table":"Controller","row":{"target":"tcp:127.0.0.1:1"}}`,
			`{"op":"select","table":"Controller","where":[],"columns":["target"]}`,
			`{"op":"mutate","table":"Open_vSwitch","where":[],"mutations":[["bridges","delete",["set",[]]],["bridges","nonsense",["set",[]]]]}`,
		} {
			call(i, "transact", `["Open_vSwitch",`+ops+`]`)
		}
		call(100, "lock", `["weft"]`)
		call(101, "transact", `["Open_vSwitch",{"op":"assert","lock":"weft"}]`)
		call(102, "unlock", `["weft"]`)
		call(103, "transact", `["Open_vSwitch",{"op":"assert","lock":"weft"}]`)
		call(104, "nothing", `[]`)
		return said
	})
}

// speaker is the controller's end of an OpenFlow connection.
type speaker struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	xid  uint32
	said []string
}

// speak shakes hands.
func (c *controlled) speak() *speaker {
	c.t.Helper()
	conn := c.accept(c.switches)
	s := &speaker{t: c.t, conn: conn, in: bufio.NewReader(conn)}
	s.send(&openflow.Hello{Version: openflow.Version, Versions: []uint8{openflow.Version}})
	if m, _ := s.read(); m.Type() != openflow.TypeHello {
		c.t.Fatalf("it began with %v", m.Type())
	}
	return s
}

func (s *speaker) send(m openflow.Message) uint32 {
	s.xid++
	s.sendAs(m, s.xid)
	return s.xid
}

func (s *speaker) sendAs(m openflow.Message, xid uint32) {
	s.raw(m.AppendTo(nil, xid))
}

func (s *speaker) raw(b []byte) {
	s.t.Helper()
	if _, err := s.conn.Write(b); err != nil {
		s.t.Fatal(err)
	}
}

func (s *speaker) read() (openflow.Message, uint32) {
	s.t.Helper()
	b := make([]byte, openflow.HeaderLen)
	if _, err := io.ReadFull(s.in, b); err != nil {
		s.t.Fatalf("after %q: %v", s.said, err)
	}
	h, err := openflow.ParseHeader(b)
	if err != nil {
		s.t.Fatal(err)
	}
	b = append(b, make([]byte, h.Length-openflow.HeaderLen)...)
	if _, err := io.ReadFull(s.in, b[openflow.HeaderLen:]); err != nil {
		s.t.Fatal(err)
	}
	m, xid, err := openflow.Parse(b)
	if err != nil {
		s.t.Fatal(err)
	}
	return m, xid
}

// try sends messages and notes what they are answered until a barrier is.
func (s *speaker) try(what string, ms ...openflow.Message) {
	s.t.Helper()
	first := s.xid
	for _, m := range ms {
		s.send(m)
	}
	s.barrier(what, first)
}

func (s *speaker) barrier(what string, first uint32) {
	s.t.Helper()
	barrier := s.send(&openflow.BarrierRequest{})
	var answers []string
	for {
		m, xid := s.read()
		at := fmt.Sprintf("%d:", xid-first)
		if xid == 0 {
			at = "unasked:"
		}
		switch m := m.(type) {
		case *openflow.BarrierReply:
			if xid == barrier {
				s.said = append(s.said, what+": "+strings.Join(answers, " "))
				return
			}
		case *openflow.Error:
			answers = append(answers, at+m.ErrorCode.String())
		case *openflow.BundleControl:
			answers = append(answers, fmt.Sprintf("%sbundle %d step %d", at, m.Bundle, m.Step))
		case *openflow.RoleReply:
			answers = append(answers, fmt.Sprintf("%srole %d generation %d", at, m.Role, m.GenerationID))
		case *openflow.EchoReply:
			answers = append(answers, fmt.Sprintf("%secho %q", at, m.Data))
		case *openflow.EchoRequest:
			s.sendAs(&openflow.EchoReply{Data: m.Data}, xid)
		case *openflow.MultipartReply:
			answers = append(answers, at+contents(m.Body))
		case *openflow.PortStatus:
			answers = append(answers, fmt.Sprintf("port %s: %d", m.Port.Name, m.Reason))
		default:
			answers = append(answers, fmt.Sprintf("%s%v", at, m.Type()))
		}
	}
}

// contents is what a multipart reply says, in an order of its own.
func contents(b openflow.MultipartBody) string {
	var lines []string
	switch b := b.(type) {
	case openflow.FlowStatsList:
		for _, f := range b {
			lines = append(lines, f.FormatWithoutStats(openflow.Names{}))
		}
	case openflow.GroupDescs:
		for _, g := range b {
			lines = append(lines, g.Format(openflow.Names{}))
		}
	case openflow.PortDescs:
		for _, p := range b {
			lines = append(lines, p.Name)
		}
	case openflow.MeterConfigs:
		for _, m := range b {
			lines = append(lines, fmt.Sprintf("%x %x %v", m.ID, m.Flags, m.Bands))
		}
	case openflow.FlowUpdates:
		for _, u := range b {
			lines = append(lines, u.Event.String())
		}
	}
	slices.Sort(lines)
	return fmt.Sprintf("kind %d %q", b.Kind(), lines)
}

// flows notes what there is.
func (s *speaker) flows(what string) {
	s.t.Helper()
	s.try(what, &openflow.MultipartRequest{Body: openflow.AllFlows()}, openflow.NewMultipartRequest(openflow.KindGroupDesc))
}
