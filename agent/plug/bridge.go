package plug

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
)

const (
	// bridge is the controller's, which it makes when the host joins.
	bridge = "br-weft"

	// netdev is the datapath type of a bridge that ovs-vswitchd forwards for
	// itself, without the kernel.
	netdev = "netdev"
)

// addPort adds the port with all that says whose it is in one transaction, so
// that nobody sees it without. It returns the datapath type of the bridge.
//
// It does not wait for ovs-vswitchd: where that is away, the port is there when
// it comes back.
func (s *Socket) addPort(ctx context.Context, c Cord) (datapath string, err error) {
	args := []string{"get", "Bridge", bridge, "datapath_type",
		"--", "--if-exists", "del-port", bridge, c.Port,
		"--", "add-port", bridge, c.Port,
		"--", "set", "Interface", c.Port}
	for _, key := range slices.Sorted(maps.Keys(c.ExternalIDs)) {
		args = append(args, fmt.Sprintf("external_ids:%s=%q", key, c.ExternalIDs[key]))
	}
	args = append(args, fmt.Sprintf("mtu_request=%d", c.MTU))
	out, err := s.vsctl(ctx, args...)
	if err != nil && strings.Contains(err.Error(), `no row "`+bridge+`"`) {
		return "", fmt.Errorf("this host has no bridge %s, which the controller makes: is its Open vSwitch connected to the controller (ovs-vsctl show)?", bridge)
	}
	return strings.Trim(strings.TrimSpace(out), `"`), err
}

func (s *Socket) removePort(ctx context.Context, port string) error {
	_, err := s.vsctl(ctx, "--", "--if-exists", "del-port", bridge, port)
	if err != nil && strings.Contains(err.Error(), "no bridge named") {
		return nil
	}
	return err
}

// Ports are the ports that have a key in external_ids, with its value.
func (s *Socket) Ports(ctx context.Context, key string) (map[string]string, error) {
	rows, err := s.rows(ctx, key)
	ports := make(map[string]string, len(rows))
	for name, ids := range rows {
		ports[name] = ids[key]
	}
	return ports, err
}

// Plugged are the ports of the bridge that have a key in external_ids, with all
// that they have there.
func (s *Socket) Plugged(ctx context.Context, key string) (map[string]map[string]string, error) {
	rows, err := s.rows(ctx, key)
	if err != nil {
		return nil, err
	}
	out, err := s.vsctl(ctx, "--", "list-ports", bridge)
	if err != nil && !strings.Contains(err.Error(), "no bridge named") {
		return nil, err
	}
	here := strings.Fields(out)
	maps.DeleteFunc(rows, func(name string, _ map[string]string) bool { return !slices.Contains(here, name) })
	return rows, nil
}

func (s *Socket) rows(ctx context.Context, key string) (map[string]map[string]string, error) {
	out, err := s.vsctl(ctx, "--format=json", "--columns=name,external_ids", "find", "Interface", "external_ids:"+key+"!=\"\"")
	if err != nil {
		return nil, err
	}
	return readRows([]byte(out))
}

// readRows reads rows as ovs-vsctl(8) prints them: a map is ["map",[[KEY,VALUE],…]].
func readRows(text []byte) (map[string]map[string]string, error) {
	var table struct {
		Data [][]json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(text, &table); err != nil {
		return nil, fmt.Errorf("read what ovs-vsctl prints: %w", err)
	}
	rows := make(map[string]map[string]string)
	for _, row := range table.Data {
		var name string
		var ids []json.RawMessage
		if len(row) != 2 {
			return nil, fmt.Errorf("read what ovs-vsctl prints: a row of %d columns", len(row))
		}
		err := errors.Join(json.Unmarshal(row[0], &name), json.Unmarshal(row[1], &ids))
		if err != nil || len(ids) != 2 {
			return nil, fmt.Errorf("read what ovs-vsctl prints: %s: %w", row, errors.Join(err, errors.New("not a name and a map")))
		}
		var pairs [][2]string
		if err := json.Unmarshal(ids[1], &pairs); err != nil {
			return nil, fmt.Errorf("read what ovs-vsctl prints: %w", err)
		}
		rows[name] = make(map[string]string, len(pairs))
		for _, pair := range pairs {
			rows[name][pair[0]] = pair[1]
		}
	}
	return rows, nil
}

// vsctl runs ovs-vsctl(8).
func (s *Socket) vsctl(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "ovs-vsctl", append([]string{"--db=" + s.ovsdb, "--timeout=5", "--no-wait"}, args...)...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String())) // which begins with ovs-vsctl's name
	}
	return stdout.String(), nil
}
