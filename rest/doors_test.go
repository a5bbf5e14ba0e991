package rest

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRequestsOfOtherSitesAreRefused(t *testing.T) {
	a := newAPI(t)
	own := strings.TrimPrefix(a.url, "http://")
	for _, test := range []struct {
		status  int
		field   string
		headers []string
	}{
		{403, "Origin", []string{"Origin", "http://evil.example"}},
		{403, "Origin", []string{"Origin", "null"}},
		{403, "Origin", []string{"Origin", "http://localhost:3000"}},
		{403, "Sec-Fetch-Site", []string{"Sec-Fetch-Site", "cross-site"}},
		{403, "Sec-Fetch-Site", []string{"Sec-Fetch-Site", "same-site"}},
		{421, "Host", []string{"Host", "rebound.example"}},
		{421, "Host", []string{"Host", "rebound.example:8181"}},
		{421, "Host", []string{"Host", "localhost.evil.example"}},
		{421, "Host", []string{"Host", "127.0.0.1.evil.example"}},
	} {
		a.refused(test.status, test.field, "POST", "/networks", net1, test.headers...)
		a.refused(test.status, test.field, "GET", "/networks", "", test.headers...)
	}
	for _, headers := range [][]string{
		{"Origin", "http://" + own},
		{"Sec-Fetch-Site", "same-origin"},
		{"Sec-Fetch-Site", "none"},
		{"Host", "localhost"},
		{"Host", "LOCALHOST:8181"},
		{"Host", "192.0.2.1:8181"},
		{"Host", "[2001:db8::1]:8181"},
		{"Host", "[::1]"},
	} {
		a.must(200, "GET", "/networks", "", headers...)
	}
	a.must(404, "GET", "/networks/net1", "")
}

func TestNamesOfTheControllerAreKnown(t *testing.T) {
	a := newAPI(t, func(c *Config) { c.Names = []string{"Weft.example"} })
	a.must(200, "GET", "/networks", "", "Host", "weft.example:8181")
	a.must(200, "GET", "/networks", "", "Host", "weft.example.")
	a.must(421, "GET", "/networks", "", "Host", "other.example")
}

const secret = "0123456789abcdef0123456789abcdef"

func tokenFile(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTokenIsDemanded(t *testing.T) {
	a := newAPI(t, func(c *Config) { c.TokenFile = tokenFile(t, secret+"\n", 0o600) })
	for _, wrong := range []string{"", "Bearer", "Bearer " + secret[1:], "Bearer " + secret + "0", "Basic " + secret, secret} {
		r := a.refused(401, "Authorization", "GET", "/networks", "", "Authorization", wrong)
		if !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("WWW-Authenticate %q", r.header.Get("WWW-Authenticate"))
		}
		a.refused(401, "Authorization", "GET", "/metrics", "", "Authorization", wrong)
	}
	a.must(200, "GET", "/networks", "", "Authorization", "Bearer "+secret)
	a.must(200, "GET", "/networks", "", "Authorization", "bearer "+secret)
	a.must(200, "GET", "/healthz", "")
}

func TestTokenFilesThatAreNoneAreRefused(t *testing.T) {
	for name, path := range map[string]string{
		"is readable by others": tokenFile(t, secret, 0o644),
		"is group writable":     tokenFile(t, secret, 0o620),
		"is empty":              tokenFile(t, "\n", 0o600),
		"is short":              tokenFile(t, "abc", 0o600),
		"has two lines":         tokenFile(t, secret+"\n"+secret, 0o600),
		"is not there":          filepath.Join(t.TempDir(), "none"),
	} {
		if _, err := newDoors(nil, path); err == nil {
			t.Errorf("a token file that %s is accepted", name)
		}
	}
	if _, err := newDoors(nil, tokenFile(t, secret, 0o400)); err != nil {
		t.Errorf("mode 0400: %v", err)
	}
}

func TestListeningBeyondLoopbackNeedsATokenOrConsent(t *testing.T) {
	for _, test := range []struct {
		name     string
		config   Config
		accepted bool
	}{
		{"loopback", Config{Listen: "127.0.0.1:0"}, true},
		{"localhost", Config{Listen: "localhost:0"}, true},
		{"everywhere", Config{Listen: ":0"}, false},
		{"everywhere by IPv4", Config{Listen: "0.0.0.0:0"}, false},
		{"everywhere with a token", Config{Listen: "0.0.0.0:0", TokenFile: tokenFile(t, secret, 0o600)}, true},
		{"everywhere with consent", Config{Listen: "0.0.0.0:0", Insecure: true}, true},
	} {
		listener, err := (&Server{config: test.config}).Listen()
		if listener != nil {
			listener.Close()
		}
		if (err == nil) != test.accepted {
			t.Errorf("%s: %v", test.name, err)
		}
		if err != nil && !strings.Contains(err.Error(), "--token-file") {
			t.Errorf("%s: no way out is named: %v", test.name, err)
		}
	}
}

func TestServeEndsWithItsContextAndEndsWatches(t *testing.T) {
	a := newAPI(t)
	a.server.config.Listen = "127.0.0.1:0"
	listener, err := a.server.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- a.server.Serve(ctx, listener) }()
	response, err := http.Get("http://" + listener.Addr().String() + "/watch")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	stop()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}
