package membership

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
)

// Card is what a member keeps on disk in order to take part again without being
// told anything.
type Card struct {
	Token Token
	Seeds []string // where others were found, as Config.Seeds
	// Rotating names the new one among the keys while a controller brings it to
	// all members.
	Rotating string
}

// card is how it is written.
type card struct {
	Token    string   `json:"token"`
	Seeds    []string `json:"seeds"`
	Rotating string   `json:"rotating,omitempty"`
}

// LoadCard reads a card. That there is none is fs.ErrNotExist. One that others
// could read or replace is refused, as it holds secrets.
func LoadCard(path string) (Card, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Card{}, err
	}
	if open := info.Mode().Perm() &^ 0o600; open != 0 {
		return Card{}, fmt.Errorf("%s has mode %#o, so that others could read the keys in it: make it 0600, and rotate the keys if others did", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Card{}, err
	}
	c, err := parseCard(text)
	if err != nil {
		return Card{}, fmt.Errorf("read %s: %w", path, err)
	}
	return c, nil
}

func parseCard(text []byte) (Card, error) {
	var raw card
	if err := json.Unmarshal(text, &raw); err != nil {
		return Card{}, err
	}
	token, err := ParseToken(raw.Token)
	if err != nil {
		return Card{}, err
	}
	return Card{Token: token, Seeds: raw.Seeds, Rotating: raw.Rotating}, nil
}

// Save replaces a card: a crash leaves the old one or the new one.
func (c Card) Save(path string) error {
	token, err := c.Token.Encode()
	if err == nil {
		err = replaceFile(path, card{Token: token, Seeds: c.Seeds, Rotating: c.Rotating})
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func replaceFile(path string, content any) error {
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".card-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing is there any more if all went well
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// SeedText is how an address is given to Config.Seeds and to people: without
// the port where that is the default.
func SeedText(at netip.AddrPort) string {
	if at.Port() == DefaultPort {
		return at.Addr().String()
	}
	return at.String()
}
