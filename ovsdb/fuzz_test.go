package ovsdb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/internal/mutate"
)

// replay is a connection on which a recorded stream arrives.
type replay struct {
	net.Conn
	in io.Reader
}

func (r replay) Read(b []byte) (int, error)      { return r.in.Read(b) }
func (r replay) SetReadDeadline(time.Time) error { return nil }
func (r replay) Close() error                    { return nil }

// few are limits that mutants of a small recording reach.
var few = Config{MaxMessage: 1 << 16, MaxRows: 50}.withDefaults()

// hear lets a connection read a stream to its end. The stream may use the ids
// 1 (an answer with rows) and 2 (a lock).
func hear(cfg Config, stream []byte) *Conn {
	c := &Conn{cfg: cfg, tables: newTables(cfg), changed: make(chan struct{})}
	conn := replay{in: bytes.NewReader(stream)}
	p := &peer{conn: conn, out: make(chan []byte, sendQueue), notify: c.notified,
		pending: make(map[uint64]func(message)), done: make(chan struct{})}
	p.in = &reader{conn: conn, probe: func() {}, since: time.Now()}
	p.in.limit.Store(int64(cfg.MaxMessage))
	c.peer = p
	p.nextID(func(m message) { c.update(m.Result) })
	p.nextID(func(m message) { c.setLocked(true) })
	p.read()
	return c
}

// checkStream takes any bytes as what a host sends.
func checkStream(t testing.TB, stream []byte) {
	c := hear(few, stream)
	if c.peer.err == nil {
		t.Error("the stream ended and the connection did not")
	}
	checkView(t, c.tables)
}

// checkRows takes any bytes as what a host says that its tables hold.
func checkRows(t testing.TB, rows []byte) {
	tables := newTables(few)
	_ = tables.apply(rows)
	checkView(t, tables)
}

func checkView(t testing.TB, tables *tables) {
	v := tables.view(few.Bridge)
	interfaces := 0
	for _, p := range v.Ports {
		interfaces += len(p.Interfaces)
	}
	if len(tables.sizes) > few.MaxRows+1 || len(v.Ports) > few.MaxRows || len(v.Strays) > few.MaxRows || interfaces > few.MaxRows {
		t.Errorf("%d rows are kept, %d ports, %d interfaces and %d strays are shown", len(tables.sizes), len(v.Ports), interfaces, len(v.Strays))
	}
	if v.RootUUID != "" {
		// Whatever a host claims to have, there is a plan or an error.
		if _, err := plan(v, few.Bridge, wanted()); err != nil && err.Error() == "" {
			t.Error("an empty error")
		}
	}
}

func streams(t testing.TB) mutate.Corpus {
	return mutate.Corpus{
		[]byte(`{"id":1,"error":null,"result":` + rootOnly + `}{"id":null,"method":"locked","params":["weft"]}`),
		[]byte(`{"id":"echo","method":"echo","params":[]}{"id":2,"result":{"locked":true},"error":null}`),
	}.Saved(t, "FuzzStream")
}

// rows are the tables of the recorded streams.
func rows(t testing.TB) mutate.Corpus {
	c := mutate.Corpus{[]byte(rootOnly)}
	for _, stream := range streams(t) {
		for messages := json.NewDecoder(bytes.NewReader(stream)); ; {
			var m message
			if messages.Decode(&m) != nil {
				break
			}
			if len(m.Result) > 0 && m.Result[0] == '{' {
				c = append(c, m.Result)
			}
		}
	}
	return c.Saved(t, "FuzzRows")
}

func FuzzStream(f *testing.F) {
	streams(f).Seed(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkStream(t, b) })
}

func FuzzRows(f *testing.F) {
	rows(f).Seed(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkRows(t, b) })
}

func TestMutants(t *testing.T) {
	t.Run("FuzzStream", func(t *testing.T) { streams(t).Check(t, checkStream) })
	t.Run("FuzzRows", func(t *testing.T) { rows(t).Check(t, checkRows) })
}

func uuid(n int) string { return fmt.Sprintf("6ba7b810-9dad-11d1-80b4-%012x", n) }

// many is a set of references: to n rows, or n times to one.
func many(n int, row func(i int) string) string {
	refs := make([]string, n)
	for i := range refs {
		refs[i] = `["uuid","` + row(i) + `"]`
	}
	return `["set",[` + strings.Join(refs, ",") + `]]`
}

// knot is a database in which every one of some bridges refers to every one of
// some ports n times, and each of these to every interface n times.
func knot(bridges, ports, interfaces, times int) []byte {
	const bridge, port, iface = 1 << 20, 2 << 20, 3 << 20
	root := `"bridges":["set",[]],"cur_cfg":0,"next_cfg":0,"external_ids":["map",[]],"ovs_version":"3.1.0","datapath_types":["set",[]]`
	var b strings.Builder
	fmt.Fprintf(&b, `{"Open_vSwitch":{%q:{"new":{%s}}},"Bridge":{`, uuid(0), root)
	list := func(n int, row func(i int)) {
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			row(i)
		}
	}
	list(bridges, func(i int) {
		name := "br-weft"
		if i > 0 {
			name = fmt.Sprint("br", i)
		}
		fmt.Fprintf(&b, `%q:{"new":{"name":%q,"datapath_type":"","datapath_id":["set",[]],"fail_mode":["set",[]],"ports":%s,"controller":["set",[]],`+
			`"protocols":["set",[]],"other_config":["map",[]],"external_ids":["map",[]],"flow_tables":["map",[]]}}`,
			uuid(bridge+i), name, many(times*ports, func(i int) string { return uuid(port + i%ports) }))
	})
	b.WriteString(`},"Port":{`)
	list(ports, func(i int) {
		fmt.Fprintf(&b, `%q:{"new":{"name":"p%d","interfaces":%s,"tag":["set",[]],"external_ids":["map",[["weft","x"]]]}}`,
			uuid(port+i), i, many(times*interfaces, func(i int) string { return uuid(iface + i%interfaces) }))
	})
	b.WriteString(`},"Interface":{`)
	list(interfaces, func(i int) {
		fmt.Fprintf(&b, `%q:{"new":{"name":"i%d","type":"","options":["map",[]],"external_ids":["map",[]],"ofport":1,"ofport_request":["set",[]],`+
			`"ifindex":1,"link_state":"up","admin_state":"up","error":["set",[]],"mac":["set",[]],"mac_in_use":["set",[]],"mtu":1500,"mtu_request":["set",[]],"bfd":["map",[]],"status":["map",[]]}}`,
			uuid(iface+i), i)
	})
	b.WriteString(`}}`)
	return []byte(b.String())
}

// What a host says costs memory in proportion to its length, also where rows
// refer to rows again and again: without that, 16 MB would become terabytes.
func TestMemoryIsInProportionToWhatIsSent(t *testing.T) {
	const factor, fixed = 100, 64 << 10 // counted while slices grow, and before anything is freed
	corpus := append(rows(t),
		knot(1, 1, 1, 300), knot(1, 30, 30, 1), knot(1, 20, 20, 10), knot(20, 20, 20, 1), knot(40, 1, 40, 1),
		[]byte(`{"Open_vSwitch":{"x":{"new":{"bridges":["set",[`+strings.Repeat(`1,`, 20_000)+`1]]}}}}`),
		[]byte(`{"Open_vSwitch":{"x":{"new":{"external_ids":["map",[`+strings.Repeat(`[],`, 20_000)+`[]]]}}}}`),
		[]byte(`{`+strings.Repeat(`"Port":{},`, 5000)+`"Port":{}}`),
		[]byte(strings.Repeat(`[`, 9000)+strings.Repeat(`]`, 9000)),
	)
	cfg := Config{}.withDefaults()
	corpus.Bounded(t, factor, fixed, func(b []byte) {
		tables := newTables(cfg)
		_ = tables.apply(b)
		tables.view(cfg.Bridge)
	})
}

func TestARowIsShownOnceHoweverOftenItIsReferredTo(t *testing.T) {
	tables := newTables(Config{}.withDefaults())
	if err := tables.apply(knot(3, 2, 2, 5)); err != nil {
		t.Fatal(err)
	}
	v := tables.view("br-weft")
	if len(v.Ports) != 2 || len(v.Strays) != 2 {
		t.Errorf("%d ports and %d strays, of 2 rows", len(v.Ports), len(v.Strays))
	}
	interfaces := 0
	for _, p := range v.Ports {
		interfaces += len(p.Interfaces)
	}
	if interfaces != 2 {
		t.Errorf("%d interfaces, of 2 rows", interfaces)
	}
}
