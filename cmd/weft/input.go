package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/weft-sdn/weft/model"
)

// addFileFlag adds -f, which stands instead of the flags that it excludes.
func addFileFlag(c *cobra.Command, file *string, excludes ...string) {
	c.Flags().StringVarP(file, "file", "f", "", "read it from a file, JSON or YAML (- for standard input)")
	c.MarkFlagFilename("file", "json", "yaml", "yml")
	for _, name := range excludes {
		c.MarkFlagsMutuallyExclusive("file", name)
	}
}

// nameOrFile takes a name, of which least says whether it may be left out, or
// none when there is a file.
func nameOrFile(file *string, least int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case *file != "" && len(args) > 0:
			return errors.New("give either NAME or -f FILE")
		case *file == "" && len(args) < least:
			return errors.New("NAME or -f FILE is missing")
		case len(args) > 1:
			return fmt.Errorf("one NAME, not %d", len(args))
		}
		return nil
	}
}

// texts makes addresses and the like out of flags. They take any text: the
// controller says what is wrong, and where.
func texts[T any, P interface {
	*T
	UnmarshalText([]byte) error
}](list []string) []T {
	values := make([]T, len(list))
	for i, text := range list {
		P(&values[i]).UnmarshalText([]byte(text))
	}
	return values
}

// readObject reads one object in JSON or YAML and returns it as JSON.
func readObject(c *cobra.Command, path string) ([]byte, error) {
	content, err := readAll(c, path)
	if err != nil {
		return nil, err
	}
	if trimmed := bytes.TrimSpace(content); len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(trimmed) {
		return trimmed, nil
	}
	if hasSecondDocument(content) {
		return nil, fmt.Errorf("%s holds several YAML documents: give one at a time", path)
	}
	object, err := yaml.YAMLToJSONStrict(content)
	if err != nil {
		return nil, fmt.Errorf("%s is neither JSON nor YAML: %w", path, err)
	}
	if len(object) == 0 || object[0] != '{' {
		return nil, fmt.Errorf("%s does not hold an object, such as name: net1", path)
	}
	return object, nil
}

func readAll(c *cobra.Command, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(c.InOrStdin())
	}
	return os.ReadFile(path)
}

// hasSecondDocument reports whether a document begins after content, which
// the YAML package would pass over in silence. Nothing inside a document has
// three dashes at the beginning of a line (YAML 1.2 section 9.1.2).
func hasSecondDocument(content []byte) bool {
	begun := false
	for line := range bytes.Lines(content) {
		line = bytes.TrimRight(line, " \t\r\n")
		switch {
		case bytes.Equal(line, []byte("---")), bytes.HasPrefix(line, []byte("--- ")):
			if begun {
				return true
			}
			begun = len(line) > 3
		case len(line) > 0 && line[0] != '#' && line[0] != '%':
			begun = true
		}
	}
	return false
}

// Parts of a topology file: those that are declared, and those that only the
// lab reads. NICs are of hosts, which have to be there first.
var (
	declaredParts = []string{"networks", "endpoints", "routers", "forwards"}
	labParts      = []string{"name", "description", "underlay", "controller", "internet", "hosts", "machines", "containers", "nics", "expect"}
)

// linkParts are what the controller is told of the underlay. The rest of it is
// how the lab builds one.
var linkParts = []string{"links", "groups"}

// documentOf takes what POST /apply declares out of a topology.
func documentOf(topology []byte) ([]byte, error) {
	members, err := membersOf(topology)
	if err != nil {
		return nil, err
	}
	document := map[string]json.RawMessage{}
	for _, m := range members {
		_, twice := document[m.name]
		switch {
		case twice:
			return nil, model.Invalidf(m.name, "stands twice: keep one")
		case m.name == "underlay":
			links, err := linksOf(m.value)
			if err != nil {
				return nil, err
			}
			if links != nil {
				document[m.name] = links
			}
		case slices.Contains(declaredParts, m.name):
			document[m.name] = m.value
		case !slices.Contains(labParts, m.name):
			return nil, model.Invalidf(m.name, "is no part of a topology, which has %s, and for the lab %s",
				strings.Join(declaredParts, ", "), strings.Join(labParts, ", "))
		}
	}
	return json.Marshal(document)
}

// linksOf takes what the controller is told of the underlay out of what a
// topology says of it, nil if that is nothing.
func linksOf(underlay json.RawMessage) (json.RawMessage, error) {
	members, err := membersOf(underlay)
	if err != nil {
		return nil, model.Invalidf("underlay", "is to be an object: %v", err)
	}
	links := map[string]json.RawMessage{}
	for _, m := range members {
		if slices.Contains(linkParts, m.name) {
			links[m.name] = m.value
		}
	}
	if len(links) == 0 {
		return nil, nil
	}
	return json.Marshal(links)
}

type member struct {
	name  string
	value json.RawMessage
}

// membersOf lists an object's members as they stand there. A map would hide
// those that stand twice.
func membersOf(object []byte) ([]member, error) {
	var members []member
	decoder := json.NewDecoder(bytes.NewReader(object))
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: name.(string)}
		if err := decoder.Decode(&m.value); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}
