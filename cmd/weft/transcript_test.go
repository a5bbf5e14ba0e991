package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the transcripts anew from what the commands print")

// TestTranscripts runs the command lines of testdata/*.txt, which read like a
// terminal, and compares what they print. Lines of standard error begin with
// "! ", requests with "> ", and the exit code is said when it is not 0.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("%s is now:\n%s", file, got)
			}
		})
	}
}

// replay runs the commands of a transcript and returns it with what they
// print now. What stands before the first command is kept.
func replay(t *testing.T, transcript string) string {
	var out strings.Builder
	begun := false
	for line := range strings.Lines(transcript) {
		command, is := strings.CutPrefix(line, "$ weft ")
		if !is {
			if !begun || line == "\n" && !strings.HasSuffix(out.String(), "\n\n") {
				out.WriteString(line)
			}
			continue
		}
		begun = true
		out.WriteString(line)
		out.WriteString(transact(t, strings.Fields(command)))
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

func transact(t *testing.T, args []string) string {
	controller := newFakeController(t)
	stdin := strings.NewReader("")
	if n := len(args); n > 2 && args[n-2] == "<" {
		content, err := os.ReadFile(args[n-1])
		if err != nil {
			t.Fatal(err)
		}
		stdin, args = strings.NewReader(string(content)), args[:n-2]
	}
	t.Setenv("WEFT_SERVER", controller.url)
	t.Setenv("WEFT_TOKEN_FILE", "")
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, stdin, &stdout, &stderr)
	text := prefixed("> ", controller.requests.String()) + stdout.String() + prefixed("! ", stderr.String())
	if code != 0 {
		text += fmt.Sprintf("exit %d\n", code)
	}
	return strings.ReplaceAll(text, controller.url, "http://controller")
}

func prefixed(prefix, text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(prefix + strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.String()
}

// fakeController answers from testdata/answers: METHOD path, with the slashes
// of the path as underscores; the first line is the status. It notes writes.
type fakeController struct {
	url      string
	requests strings.Builder
}

func newFakeController(t *testing.T) *fakeController {
	f := &fakeController{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.Method != http.MethodGet {
			fmt.Fprintf(&f.requests, "%s %s", r.Method, r.URL.RequestURI())
			if len(body) > 0 {
				fmt.Fprintf(&f.requests, " %s", body)
			}
			f.requests.WriteString("\n")
		}
		name := r.Method + strings.NewReplacer("/", "_", "?", "_").Replace(r.URL.RequestURI())
		answer, err := os.ReadFile(filepath.Join("testdata", "answers", name))
		if err != nil {
			t.Errorf("unexpected request %s %s", r.Method, r.URL.RequestURI())
			return
		}
		status, content, _ := strings.Cut(string(answer), "\n")
		var code int
		fmt.Sscan(status, &code)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Weft-Revision", "9")
		w.WriteHeader(code)
		io.WriteString(w, content)
	}))
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func TestWithoutAController(t *testing.T) {
	t.Setenv("WEFT_SERVER", "http://127.0.0.1:1")
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"network", "list"}, strings.NewReader(""), &stdout, &stderr); code != exitRefused {
		t.Errorf("exit %d", code)
	}
	if text := stderr.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "no answer from the controller at http://127.0.0.1:1") {
		t.Errorf("stderr %q", text)
	}
	stdout.Reset()
	if code := run(t.Context(), []string{"why", "0x10"}, strings.NewReader(""), &stdout, &stderr); code != exitDone || stdout.Len() == 0 {
		t.Errorf("why answers %q, exit %d", stdout.String(), code)
	}
}

func TestTheTokenIsSent(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		io.WriteString(w, "[]")
	}))
	defer server.Close()
	var stdout, stderr bytes.Buffer
	run(t.Context(), []string{"network", "list", "--server", server.URL, "--token-file", token}, strings.NewReader(""), &stdout, &stderr)
	if got != "Bearer 0123456789abcdef" {
		t.Errorf("Authorization %q; %s", got, stderr.String())
	}
}
