package rest

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// doors decides who may speak to the API at all.
//
// Bodies are taken as JSON whatever a browser may send without asking first,
// so a page of another site could post to a controller on localhost. Three
// rules close that: requests that a browser marks as coming from elsewhere
// are refused, so are Host names that are not ours (a name of the attacker's
// that resolves to our address makes his page "the same origin"), and a token
// is demanded where there is one.
type doors struct {
	names map[string]bool
	token []byte // SHA-256 of the token, nil for none
}

func newDoors(names []string, tokenFile string) (doors, error) {
	d := doors{names: map[string]bool{"localhost": true}}
	for _, name := range names {
		d.names[strings.ToLower(strings.TrimSuffix(name, "."))] = true
	}
	if tokenFile == "" {
		return d, nil
	}
	token, err := readToken(tokenFile)
	if err != nil {
		return d, err
	}
	sum := sha256.Sum256(token)
	d.token = sum[:]
	return d, nil
}

func readToken(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the token: %w", err)
	}
	if open := info.Mode().Perm() &^ 0o600; open != 0 {
		return nil, fmt.Errorf("token file %s has mode %#o: others could read or replace the token, make it 0600", path, info.Mode().Perm())
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the token: %w", err)
	}
	token := bytes.TrimSpace(content)
	if len(token) < 16 || bytes.ContainsAny(token, " \t\r\n") {
		return nil, fmt.Errorf("token file %s must hold one token of at least 16 characters, such as openssl rand -hex 32 prints", path)
	}
	return token, nil
}

// check returns why a request is not let in.
func (d doors) check(r *http.Request) error {
	if err := d.checkHost(r.Host); err != nil {
		return err
	}
	if err := checkOrigin(r); err != nil {
		return err
	}
	return d.checkToken(r)
}

// checkHost lets pass addresses and the names that are known. A request of
// HTTP/1.0 has no name at all, and no browser sends one.
func (d doors) checkHost(host string) error {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if host == "" || d.names[name] {
		return nil
	}
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return nil
	}
	return &refusal{sortMisdirected, "Host", fmt.Sprintf("%q is not a name of this controller: use its address or localhost, or start it with --rest-name %s", shorten(name), shorten(name))}
}

func checkOrigin(r *http.Request) error {
	// Fetch Metadata: "none" is a person who typed the address.
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return &refusal{sortForbidden, "Sec-Fetch-Site", fmt.Sprintf("a browser sent this for a page of another site (%s): pages cannot use this API", shorten(site))}
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		from, err := url.Parse(origin)
		if err != nil || from.Host == "" || !strings.EqualFold(from.Host, r.Host) {
			return &refusal{sortForbidden, "Origin", fmt.Sprintf("a browser sent this for a page of %s: pages of other sites cannot use this API", shorten(origin))}
		}
	}
	return nil
}

// checkToken compares sums of equal length, so that the time it takes tells
// nothing about the token. Whether the process lives is no secret.
func (d doors) checkToken(r *http.Request) error {
	if d.token == nil || r.URL.Path == "/healthz" {
		return nil
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(sum[:], d.token) != 1 {
		return &refusal{sortUnauthorized, "Authorization", "this controller wants its token: send Authorization: Bearer TOKEN, with weft by --token-file FILE"}
	}
	return nil
}
