package attach

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// Ask has the agent of this host attach a container.
func Ask(ctx context.Context, socket string, q Request) (r Attachment, err error) {
	return r, ask(ctx, socket, attachPath, q, &r)
}

// AskToDetach has it take an interface of a container away.
func AskToDetach(ctx context.Context, socket, container, iface string) error {
	return ask(ctx, socket, detachPath, Request{Container: container, Interface: iface}, &struct{}{})
}

func ask(ctx context.Context, socket, path string, q Request, into any) error {
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://agent"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	answer, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return fmt.Errorf("no answer from this host's agent at %s; does weft agent run here, with --docker or --join, and are you root? %w", socket, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		var p problem
		if err := json.NewDecoder(answer.Body).Decode(&p); err != nil || p.Detail == "" {
			return fmt.Errorf("the agent answers %s", answer.Status)
		}
		return errors.New(p.Detail)
	}
	return json.NewDecoder(answer.Body).Decode(into)
}
