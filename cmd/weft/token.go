package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/controller"
)

// defaultDataDir is where the controller keeps what must survive a restart.
const defaultDataDir = "/var/lib/weft"

func newToken(s *session) *cobra.Command {
	var dataDir, address string
	c := &cobra.Command{
		Use:   "token",
		Short: "Print the line that makes a host a member, on the machine of the controller",
		Long: `Print the line that makes a host a member. It is run on the machine of the
controller, as the user that it runs as, for it reads the data directory. Whoever
has the line can join hosts, and use the REST API if that asks for a token: keep
it as a secret.`,
		Args: cobra.NoArgs,
		RunE: doing(func(c *cobra.Command, _ []string) error {
			card, err := controller.Card(dataDir)
			if err != nil {
				return err
			}
			token, err := card.Token.Encode()
			if err != nil {
				return err
			}
			if address == "" && len(card.Seeds) > 0 {
				address = card.Seeds[0]
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "weft agent --join %s --token %s\n", address, token)
			return err
		}),
	}
	c.Flags().StringVar(&dataDir, "data-dir", defaultDataDir, "the controller's --data-dir")
	c.Flags().StringVar(&address, "address", "", "address at which the host reaches the controller, if it is another")
	c.AddCommand(rotateToken(s))
	return c
}

// apiToken is the file with the token that the REST API asks for, and the token:
// the one that was given, or where others can reach the API, one of our own.
func (f *controllerFlags) apiToken() (file, token string, err error) {
	file = f.tokenFile
	if file == "" {
		if f.insecure || onLoopback(f.restListen) {
			return "", "", nil
		}
		file = filepath.Join(f.dataDir, apiTokenFile)
		if err := makeToken(file); err != nil {
			return "", "", fmt.Errorf("make a token for the REST API: %w", err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", "", fmt.Errorf("read the token of the REST API: %w", err)
	}
	return file, strings.TrimSpace(string(text)), nil
}

const apiTokenFile = "api-token"

// makeToken makes a file with a token that nobody can guess, unless it is there.
func makeToken(file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, rand.Text())
	return errors.Join(err, f.Sync(), f.Close())
}

// onLoopback reports whether nobody but this machine reaches a listener. What
// cannot be understood is for the one who listens to refuse.
func onLoopback(listen string) bool {
	at, err := net.ResolveTCPAddr("tcp", listen)
	return err == nil && at.IP.IsLoopback()
}

// ownToken is the file with the token of the controller on this machine, for who
// may read it: empty for others, and where there is none.
func ownToken() string {
	file := filepath.Join(defaultDataDir, apiTokenFile)
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	f.Close()
	return file
}
