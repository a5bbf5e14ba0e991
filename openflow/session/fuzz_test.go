package session

import (
	"bytes"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weft-sdn/weft/internal/mutate"
	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// checkPeer takes any bytes as what a peer says after a good beginning.
func checkPeer(t testing.TB, said []byte) {
	ours, theirs := net.Pipe()
	go io.Copy(io.Discard, theirs)
	go func() {
		theirs.Write((&openflow.Hello{Version: 6}).AppendTo(nil, 1))
		theirs.Write((&openflow.FeaturesReply{}).AppendTo(nil, 2))
		theirs.Write((&openflow.RoleReply{}).AppendTo(nil, 3))
		theirs.Write(said)
		theirs.Close()
	}()
	s, err := Accept(t.Context(), ours, Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.Wanted(nil)
	if err := s.Run(t.Context(), &recorder{}); err == nil {
		t.Error("a closed connection is no error")
	}
}

// waiting is a Handler that tells of the first confirmation.
type waiting struct {
	recorder
	installed chan struct{} // of capacity 1
}

func (w *waiting) Installed(uint64, []Refusal) {
	select {
	case w.installed <- struct{}{}:
	default:
	}
}

// socketpair returns two ends that, unlike those of net.Pipe, take what the
// other side has not read yet, and that, unlike TCP, use up no port numbers.
func socketpair(t testing.TB) (ours, theirs net.Conn) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "socketpair")
		ends[i], err = net.FileConn(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return ends[0], ends[1]
}

// checkConversation puts one message into the answers of an otherwise good
// switch, as if it were the answer to a request. Whatever it is, the session
// comes to what is wanted or to its end.
func checkConversation(t testing.TB, message []byte) { converse(t, message) }

// converse is checkConversation, and reports whether what is wanted was confirmed.
func converse(t testing.TB, message []byte) (confirmed bool) {
	const requests = 10 // until what is wanted is confirmed
	if len(message) < openflow.HeaderLen || len(message) > openflow.MaxMessage {
		return false
	}
	said := bytes.Clone(message)
	when := int(said[7]) % requests
	said[0] = openflow.Version
	binary.BigEndian.PutUint16(said[2:], uint16(len(said)))

	n := 0
	ours, theirs := socketpair(t)
	f := &fakeSwitch{conn: theirs, override: func(f *fakeSwitch, m openflow.Message, xid uint32) bool {
		if n == when {
			binary.BigEndian.PutUint32(said[4:], xid)
			f.conn.Write(said)
		}
		n++
		_, asked := m.(*openflow.EchoRequest)
		return asked // unanswered, so that a session which waits for nothing ends
	}}
	served := make(chan struct{})
	go func() { f.serve(); close(served) }()
	defer func() { theirs.Close(); <-served }()

	const silence = 300 * time.Millisecond
	s, err := Accept(t.Context(), ours, Config{Logger: slog.New(slog.DiscardHandler), HandshakeTimeout: silence, Silence: silence, CommitTimeout: silence})
	if err != nil {
		return false
	}
	defer s.Close()
	s.Wanted([]*program.Fragment{fragment1})
	h := &waiting{installed: make(chan struct{}, 1)}
	ended := make(chan struct{})
	go func() { s.Run(t.Context(), h); close(ended) }()
	select {
	case <-h.installed:
		confirmed = true
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Errorf("neither is what is wanted confirmed nor has the session ended, after %x as answer %d", said, when)
	}
	s.Close()
	<-ended
	return confirmed
}

func TestAMessageThatIsNoneOfOurBusinessDisturbsNoConversation(t *testing.T) {
	for when := range uint32(10) {
		if !converse(t, (&openflow.EchoRequest{}).AppendTo(nil, when)) {
			t.Errorf("not confirmed with an echo request as answer %d", when)
		}
	}
}

var fragment1 = many(10)[0]

func said() mutate.Corpus {
	return mutate.Corpus{
		[]byte("GET / HTTP/1.1\r\n\r\n"),
		(&openflow.PortStatus{}).AppendTo((&openflow.FeaturesReply{}).AppendTo((&openflow.Hello{Version: 6}).AppendTo(nil, 1), 2), 3),
		(&openflow.MultipartReply{Body: openflow.FlowUpdates{{Event: openflow.FlowAdded}}}).AppendTo(nil, 0),
	}
}

// recorded are the messages that the codec is tested with.
func recorded(t testing.TB) mutate.Corpus {
	names, err := filepath.Glob("../testdata/recorded/*")
	if err != nil || len(names) == 0 {
		t.Fatalf("no recorded messages: %v", err)
	}
	var c mutate.Corpus
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		c = append(c, b)
	}
	return append(c, said()...)
}

func FuzzPeer(f *testing.F) {
	said().Seed(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkPeer(t, b) })
}

func FuzzConversation(f *testing.F) {
	recorded(f).Seed(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkConversation(t, b) })
}

func TestMutants(t *testing.T) {
	t.Run("FuzzPeer", func(t *testing.T) { said().Saved(t, "FuzzPeer").CheckPart(t, 2, checkPeer) })
	t.Run("FuzzConversation", func(t *testing.T) { recorded(t).Saved(t, "FuzzConversation").CheckPart(t, 5, checkConversation) })
}
