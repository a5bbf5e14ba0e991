package session

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/openflow"
)

func TestHandshakesThatMustFail(t *testing.T) {
	for _, c := range []struct {
		name, sent, want string
	}{
		{"garbage", hex.EncodeToString([]byte("GET / HTTP/1.1\r\nHost: weft\r\n\r\n")), "of 21536 bytes breaks off"},
		{"zeros", strings.Repeat("00", 100), "announces a length of 0"},
		{"OpenFlow 1.0 only", "0100000800000001", "does not speak OpenFlow 1.4"},
		{"a bitmap without 1.4", "060000100000000100010008" + "00000052", "clear the bridge's protocols column"},
		{"no hello", "0505000800000001", "instead of a hello"},
		{"64 KB announced, then silence", "0500ffff00000001", "i/o timeout"},
		{"silence", "", "i/o timeout"},
		{"half a header", "0500", "i/o timeout"},
		{"more than allowed", "05000fff00000001", "more than the 2048 that are allowed"},
		{"an error in answer to the features request", "0600000800000001" + "0501000c0000000200010005", "OFPBRC_EPERM"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ours, theirs := pair(t)
			b, err := hex.DecodeString(c.sent)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := theirs.Write(b); err != nil {
				t.Fatal(err)
			}
			cfg := Config{HandshakeTimeout: 200 * time.Millisecond}
			if c.name == "more than allowed" {
				cfg.MaxMessage = 2048
			}
			if c.name == "garbage" {
				theirs.(*net.TCPConn).CloseWrite()
			}
			s, err := Accept(t.Context(), ours, cfg)
			if err == nil {
				t.Fatalf("accepted as datapath %x", s.DatapathID())
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q does not say %q", err, c.want)
			}
			if _, err := ours.Write([]byte{0}); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the connection is left open: %v", err)
			}
		})
	}
}

func TestAPeerOfAnotherVersionIsToldSo(t *testing.T) {
	ours, theirs := pair(t)
	theirs.Write((&openflow.Hello{Version: 1}).AppendTo(nil, 7))
	if _, err := Accept(t.Context(), ours, Config{}); err == nil {
		t.Fatal("accepted")
	}
	b, _ := io.ReadAll(theirs)
	refusal, xid, err := openflow.Parse(b[16:]) // behind our hello
	if e, ok := refusal.(*openflow.Error); err != nil || !ok || xid != 7 || e.ErrorCode != openflow.ErrHelloIncompatible || !bytes.Contains(e.Data, []byte("OpenFlow 1.4")) {
		t.Errorf("it was sent %x (%v)", b, err)
	}
}

func TestAcceptEndsWithItsContext(t *testing.T) {
	ours, _ := pair(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped for the test")
	time.AfterFunc(50*time.Millisecond, func() { cancel(stopped) })
	if _, err := Accept(ctx, ours, Config{}); !errors.Is(err, stopped) {
		t.Errorf("error %v", err)
	}
}

// dribble writes one byte at a time.
type dribble struct{ net.Conn }

func (d dribble) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := d.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

func TestMessagesMayComeOneByteAtATime(t *testing.T) {
	ours, theirs := pair(t)
	go (&fakeSwitch{conn: dribble{theirs}}).serve()
	s, r := run(t, ours, Config{})
	r.waitInstalled(t, s.Wanted(many(20)))
}
