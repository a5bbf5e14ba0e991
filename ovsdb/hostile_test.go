package ovsdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stranger is the other end of a connection, played by the test. Within a
// synctest bubble the clock jumps, so that real timeouts are tested.
type stranger struct {
	t    *testing.T
	conn net.Conn
	dec  *json.Decoder
}

// meet accepts a connection, runs it to its end, and returns its other end and
// what it ended with.
func meet(t *testing.T, cfg Config) (*stranger, chan error) {
	t.Helper()
	ours, theirs := net.Pipe()
	ended := make(chan error, 1)
	go func() {
		c, err := Accept(t.Context(), ours, cfg)
		if err == nil {
			err = c.Run(t.Context(), func(*View) {})
		}
		ended <- err
	}()
	return &stranger{t: t, conn: theirs, dec: json.NewDecoder(theirs)}, ended
}

// next returns the next message of ours.
func (s *stranger) next() message {
	s.t.Helper()
	var m message
	if err := s.dec.Decode(&m); err != nil {
		s.t.Errorf("no message comes: %v", err)
	}
	return m
}

func (s *stranger) send(format string, args ...any) error {
	_, err := fmt.Fprintf(s.conn, format, args...)
	return err
}

// reply answers the next request, which must be of that method.
func (s *stranger) reply(method, result string) {
	s.t.Helper()
	m := s.next()
	if m.Method != method {
		s.t.Errorf("request %s, want %s", m.Method, method)
	}
	s.send(`{"id":%s,"error":null,"result":%s}`, m.ID, result)
}

const rootOnly = `{"Open_vSwitch":{"6ba7b810-9dad-11d1-80b4-00c04fd430c8":{"new":{"bridges":["set",[]],"cur_cfg":0,"next_cfg":0,` +
	`"external_ids":["map",[]],"ovs_version":"3.1.0","datapath_types":["set",["netdev","system"]]}}}}`

// greet plays a server through the handshake.
func (s *stranger) greet() {
	s.t.Helper()
	s.reply("list_dbs", `["Open_vSwitch","_Server"]`)
	s.reply("lock", `{"locked":true}`)
	s.reply("monitor", rootOnly)
}

func TestStrangersAreDropped(t *testing.T) {
	cfg := Config{MaxMessage: 1 << 20, MaxRows: 100}
	tests := []struct {
		name   string
		play   func(*stranger)
		err    error
		says   string
		within time.Duration
	}{
		{"says nothing", func(s *stranger) { io.Copy(io.Discard, s.conn) },
			context.DeadlineExceeded, "list_dbs: no answer", 10 * time.Second},
		{"does not even read", func(*stranger) {}, // the write and the handshake have the same deadline
			nil, "list_dbs", 10 * time.Second},
		{"hangs up", func(s *stranger) { s.next(); s.conn.Close() },
			nil, "closed", time.Second}, // found when reading or when writing, whichever comes first
		{"speaks OpenFlow", func(s *stranger) { s.send("\x05\x00\x00\x08\x00\x00\x00\x01") },
			ErrNotOVSDB, "invalid character", time.Second},
		{"speaks HTTP", func(s *stranger) { s.send("GET / HTTP/1.1\r\n\r\n") },
			ErrNotOVSDB, "invalid character", time.Second},
		{"sends JSON that is no message", func(s *stranger) { s.send("[1,2]") },
			ErrNotOVSDB, "", time.Second},
		{"sends an empty message", func(s *stranger) { s.send("{}") },
			ErrNotOVSDB, "neither method nor id", time.Second},
		{"answers what was not asked", func(s *stranger) { s.send(`{"id":"x","result":[],"error":null}`) },
			ErrNotOVSDB, "never made", time.Second},
		{"refuses", func(s *stranger) { m := s.next(); s.send(`{"id":%s,"result":null,"error":"no"}`, m.ID) },
			nil, `list_dbs: the host refused: "no"`, time.Second},
		{"has another database", func(s *stranger) { s.reply("list_dbs", `["OVN_Northbound"]`) },
			nil, `"OVN_Northbound"`, time.Second},
		{"answers list_dbs with a number", func(s *stranger) { s.reply("list_dbs", `7`) },
			ErrNotOVSDB, "list_dbs", time.Second},
		{"announces 64 KB and stops", func(s *stranger) {
			s.send(`{"id":1,"result":["%s`, strings.Repeat("x", 60<<10))
			io.Copy(io.Discard, s.conn)
		},
			context.DeadlineExceeded, "", 10 * time.Second},
		{"sends more than an introduction", func(s *stranger) { s.send(`{"id":1,"result":["%s`, strings.Repeat("x", 70<<10)) },
			ErrTooLarge, "65536 bytes", time.Second},
		{"sends one byte a minute", func(s *stranger) {
			s.greet()
			go io.Copy(io.Discard, s.conn)
			for s.send(" ") == nil {
				time.Sleep(time.Minute)
			}
		}, ErrSilent, "", 16 * time.Second},
		{"sends one byte a second", func(s *stranger) {
			s.greet()
			go io.Copy(io.Discard, s.conn)
			for s.send(" ") == nil {
				time.Sleep(time.Second)
			}
		}, ErrSilent, "unfinished message", 16 * time.Second},
		{"falls silent later, without answering the probe", func(s *stranger) { s.greet(); io.Copy(io.Discard, s.conn) },
			ErrSilent, "", 16 * time.Second},
		{"sends too large a message", func(s *stranger) { s.greet(); s.send(`{"method":"update","params":["%s`, strings.Repeat("x", 2<<20)) },
			ErrTooLarge, "1048576 bytes", time.Second},
		{"sends blanks for ever", func(s *stranger) {
			s.greet()
			for s.send("%s", strings.Repeat(" ", 64<<10)) == nil {
			}
		}, ErrTooLarge, "", time.Second},
		{"has too many rows", func(s *stranger) {
			s.greet()
			for i := range 200 {
				if s.send(`{"id":null,"method":"update","params":["weft",{"Flow_Table":{"f%d":{"new":{"name":["set",[]],"external_ids":["map",[]]}}}}]}`, i) != nil {
					return
				}
			}
		}, ErrTooManyRows, "more than 100", time.Second},
		{"lets its rows grow", func(s *stranger) {
			s.greet()
			for i := range 50 {
				if s.send(`{"id":null,"method":"update","params":["weft",{"Flow_Table":{"f%d":{"new":{"name":"%s","external_ids":["map",[]]}}}}]}`, i, strings.Repeat("x", 64<<10)) != nil {
					return
				}
			}
		}, ErrTooLarge, "rows of more than 1048576 bytes", time.Second},
		{"sends a table that was not asked for", func(s *stranger) {
			s.greet()
			s.send(`{"id":null,"method":"update","params":["weft",{"SSL":{"x":{"new":{}}}}]}`)
		}, ErrNotOVSDB, "table SSL", time.Second},
		{"sends a row without its columns", func(s *stranger) {
			s.greet()
			s.send(`{"id":null,"method":"update","params":["weft",{"Port":{"x":{"new":{"name":"p"}}}}]}`)
		}, ErrNotOVSDB, "column interfaces is missing", time.Second},
		{"deletes the root row", func(s *stranger) {
			s.greet()
			s.send(`{"id":null,"method":"update","params":["weft",{"Open_vSwitch":{"6ba7b810-9dad-11d1-80b4-00c04fd430c8":{"old":{}}}}]}`)
		}, ErrNoRoot, "ovs-vsctl init", time.Second},
		{"floods echo requests and reads no answer", func(s *stranger) {
			s.greet()
			for s.send(`{"id":"e","method":"echo","params":[]}`) == nil {
			}
		}, nil, "does not read the answers", time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, outcome := meet(t, cfg)
				began := time.Now()
				played := make(chan struct{})
				go func() {
					tt.play(s)
					close(played)
				}()
				err := <-outcome
				if err == nil || tt.err != nil && !errors.Is(err, tt.err) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("dropped with %v", err)
				}
				if took := time.Since(began); took > tt.within {
					t.Errorf("took %s", took)
				}
				s.conn.Close()
				<-played
			})
		})
	}
}

// A server that is busy, but answers, stays; and it has its own probes answered.
func TestEchoBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, outcome := meet(t, Config{})
		s.greet()
		for range 100 {
			m := s.next()
			if m.Method != "echo" {
				t.Fatalf("request %s", m.Method)
			}
			time.Sleep(8 * time.Second)
			s.send(`{"id":%s,"result":[],"error":null}`, m.ID)
		}
		s.send(`{"id":"echo","method":"echo","params":["a",1]}`)
		if m := s.next(); string(m.ID) != `"echo"` || string(m.Result) != `["a",1]` || !isNull(m.Error) {
			t.Errorf("answer to echo: %+v", m)
		}
		s.send(`{"id":5,"method":"steal_thunder","params":[]}`)
		if m := s.next(); string(m.ID) != "5" || isNull(m.Error) {
			t.Errorf("answer to an unknown method: %+v", m)
		}
		s.send(`{"id":null,"method":"unheard_of","params":[]}`)
		s.conn.Close()
		if err := <-outcome; !errors.Is(err, io.EOF) {
			t.Errorf("ended with %v", err)
		}
	})
}

// A large dump over a thin line takes longer than DropAfter and is waited for.
func TestLargeMessageMayTakeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, outcome := meet(t, Config{})
		s.greet()
		go io.Copy(io.Discard, s.conn)
		began := time.Now()
		s.send(`{"id":null,"method":"unheard_of","params":["`)
		chunk := strings.Repeat("x", 100<<10)
		for range 60 {
			time.Sleep(time.Second)
			if err := s.send("%s", chunk); err != nil {
				t.Fatalf("dropped after %s: %v", time.Since(began), <-outcome)
			}
		}
		if err := s.send(`"]}`); err != nil {
			t.Error(err)
		}
		s.conn.Close()
		<-outcome
	})
}

func TestViewIsDeliveredOnlyWhenItDiffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		s := &stranger{t: t, conn: theirs, dec: json.NewDecoder(theirs)}
		var delivered []*View
		ended := make(chan error, 1)
		go func() {
			c, err := Accept(t.Context(), ours, Config{})
			if err == nil {
				err = c.Run(t.Context(), func(v *View) { delivered = append(delivered, v) })
			}
			ended <- err
		}()
		s.greet()
		synctest.Wait()
		s.send(`{"id":null,"method":"update","params":["weft",{"Flow_Table":{"f":{"new":{"name":"nobody's","external_ids":["map",[]]}}}}]}`)
		synctest.Wait()
		if len(delivered) != 1 {
			t.Errorf("%d Views of one state", len(delivered))
		}
		s.send(`{"id":null,"method":"stolen","params":["weft"]}`)
		synctest.Wait()
		if len(delivered) != 2 || !delivered[0].Locked || delivered[1].Locked {
			t.Errorf("%d Views of two states", len(delivered))
		}
		s.conn.Close()
		<-ended
	})
}

func TestUnmappedAddresses(t *testing.T) {
	got := addrPort(&net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1"), Port: 6640})
	if got.String() != "192.0.2.1:6640" {
		t.Errorf("got %s", got)
	}
	if addrPort(&net.UnixAddr{}).IsValid() {
		t.Error("a path is no address")
	}
}
