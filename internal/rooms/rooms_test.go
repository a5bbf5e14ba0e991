package rooms

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	module   = "github.com/weft-sdn/weft/"
	document = "../../docs/architecture.md"
)

// room is a row of the table.
type room struct {
	imports []string
	pure    bool
}

// plan reads the table of the document.
func plan(t *testing.T) map[string]room {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| package | what it is for | imports of ours |\n|---|---|---|\n")
	table, _, ended := strings.Cut(table, "\n\n")
	if !found || !ended {
		t.Fatalf("%s has no table of packages", document)
	}
	quoted := regexp.MustCompile("`([^`]+)`")
	rooms := map[string]room{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "|\n "), "|")
		name := quoted.FindStringSubmatch(cells[0])
		if len(cells) != 3 || name == nil {
			t.Fatalf("%s: not a row of three: %s", document, line)
		}
		r := room{pure: strings.HasSuffix(strings.TrimSpace(cells[1]), "pure")}
		for _, other := range quoted.FindAllStringSubmatch(cells[2], -1) {
			r.imports = append(r.imports, other[1])
		}
		rooms[name[1]] = r
	}
	return rooms
}

type pkg struct {
	ImportPath string
	Doc        string
	Imports    []string
}

// packages lists all of ours as they are, without their tests.
func packages(t *testing.T) []pkg {
	t.Helper()
	list := exec.Command("go", "list", "-json=ImportPath,Doc,Imports", "./...")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// worldly is what has sockets, files or processes, or chance. Package net is
// missing, for its addresses and masks print themselves; so is time, for a
// moment is a value.
var worldly = []string{"os", "os/exec", "net/http", "syscall", "io/fs", "log", "log/slog", "math/rand", "math/rand/v2", "crypto/rand"}

func TestPackagesImportWhatTheDocumentSays(t *testing.T) {
	rooms := plan(t)
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		r, known := rooms[name]
		if !known {
			t.Errorf("package %s is missing in the table of %s", name, document)
			continue
		}
		delete(rooms, name)
		var ours []string
		for _, i := range p.Imports {
			if other, is := strings.CutPrefix(i, module); is {
				ours = append(ours, other)
			} else if r.pure && (slices.Contains(worldly, i) || strings.Contains(i, ".")) {
				t.Errorf("package %s is said to be pure and imports %s", name, i)
			}
		}
		slices.Sort(ours)
		slices.Sort(r.imports)
		if !slices.Equal(ours, r.imports) {
			t.Errorf("package %s imports %q, %s says %q: is that import right? Then say so there", name, ours, document, r.imports)
		}
		if p.Doc == "" {
			t.Errorf("package %s has no comment that says what it is for", name)
		}
	}
	for name := range rooms {
		t.Errorf("%s has a row for package %s, which is not there", document, name)
	}
}

// What the document points at is there.
func TestFilesOfTheDocumentExist(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	file := regexp.MustCompile("`((?:[a-z0-9]+/)*[a-z0-9_]+\\.go)`")
	n := 0
	for _, m := range file.FindAllStringSubmatch(string(text), -1) {
		n++
		found := false
		for _, dir := range []string{"", "controller/", "rest/", "flows/"} {
			_, err := os.Stat("../../" + dir + m[1])
			found = found || err == nil
		}
		if !found {
			t.Errorf("%s speaks of %s, which is not there", document, m[1])
		}
	}
	if n < 20 {
		t.Errorf("only %d files are found in it", n)
	}
}
