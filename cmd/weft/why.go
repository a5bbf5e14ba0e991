package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
)

// namesTimeout is how long why waits for names: it answers without them, too.
const namesTimeout = 2 * time.Second

func newWhy(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "why COOKIE",
		Short: "Say what a flow is for, from its cookie",
		Long: `Say what a flow is for, and for a drop why, from the cookie that
ovs-ofctl prints. It works without the controller, which only adds names.`,
		Example: `  weft why 0x1000001001388001`,
		Args:    cobra.ExactArgs(1),
		PreRunE: func(_ *cobra.Command, args []string) error {
			_, err := parseCookie(args[0])
			return err
		},
		RunE: doing(func(c *cobra.Command, args []string) error {
			cookie, err := parseCookie(args[0])
			if err != nil {
				return err
			}
			explanation, err := s.explain(c.Context(), cookie)
			if err != nil {
				fmt.Fprintf(c.ErrOrStderr(), "weft: without names: %s\n", oneLine(err.Error()))
			}
			return s.say(c, explanation, explanation.Text)
		}),
	}
}

// explain asks the controller, and decodes the cookie itself when that fails;
// the error says why there are no names then.
func (s *session) explain(ctx context.Context, cookie uint64) (model.Explanation, error) {
	offline := flows.ExplainCookie(cookie)
	api, err := s.client()
	if err != nil {
		return offline, err
	}
	ctx, cancel := context.WithTimeout(ctx, namesTimeout)
	defer cancel()
	named, err := api.Explain(ctx, cookie)
	if err != nil {
		return offline, err
	}
	return named, nil
}

// parseCookie reads a cookie as it is copied out of a dump.
func parseCookie(text string) (uint64, error) {
	digits := strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(text), "cookie="), ",")
	base := 10
	if hex, is := strings.CutPrefix(digits, "0x"); is {
		digits, base = hex, 16
	}
	cookie, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a cookie: use what ovs-ofctl prints after cookie=, such as 0x1000001001388001", text)
	}
	return cookie, nil
}
