package main

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/rest/client"
)

// A session is what the client commands share: where the controller is and
// how to print.
type session struct {
	server    string
	tokenFile string
	format    format
}

// addSession adds the flags of a session to the root command.
func addSession(root *cobra.Command) *session {
	s := &session{format: formatTable}
	server := client.DefaultServer
	if set := os.Getenv("WEFT_SERVER"); set != "" {
		server = set
	}
	flags := root.PersistentFlags()
	flags.StringVar(&s.server, "server", server, "the controller's REST address (WEFT_SERVER)")
	flags.StringVar(&s.tokenFile, "token-file", os.Getenv("WEFT_TOKEN_FILE"), "file with the controller's token (WEFT_TOKEN_FILE)")
	flags.VarP(&s.format, "output", "o", "table, json or yaml")
	root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	return s
}

func (s *session) client() (*client.Client, error) {
	file := s.tokenFile
	if file == "" && s.server == client.DefaultServer {
		file = ownToken()
	}
	return client.New(client.Config{Server: s.server, TokenFile: file})
}

// A verb is what a command does with a controller.
type verb func(c *cobra.Command, api *client.Client, args []string) error

// with makes a cobra RunE from a verb.
func (s *session) with(do verb) func(*cobra.Command, []string) error {
	return doing(func(c *cobra.Command, args []string) error {
		api, err := s.client()
		if err != nil {
			return err
		}
		return do(c, api, args)
	})
}

// A lister names objects that the controller knows.
type lister func(context.Context, *client.Client) ([]string, error)

// firstOf completes a first argument.
func (s *session) firstOf(list lister) cobra.CompletionFunc {
	complete := s.anyOf(list)
	return func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(c, args, begun)
	}
}

// anyOf completes from what the controller knows. One that does not answer at
// once completes nothing: a shell must not hang.
func (s *session) anyOf(list lister) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		api, err := s.client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names, err := list(ctx, api)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
