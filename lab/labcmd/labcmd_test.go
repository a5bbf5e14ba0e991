package labcmd

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/lab"
)

const twoHosts = `
name: cmd
underlay: {segments: {lan: 192.168.1.0/24}}
hosts:
  - {name: swarm-01, address: 192.168.1.51/24}
  - {name: swarm-02, address: 192.168.1.52/24}
`

func execute(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := Command()
	c.SetArgs(args)
	c.SetOut(&out)
	c.SetErr(&out)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

func TestUpCheckDown(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, NOTHING WAS TESTED: a lab needs root")
	}
	topology, err := lab.Parse([]byte(twoHosts))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "lab")
	o := lab.Options{Instance: "cmd-" + strings.ToLower(rand.Text()[:6]), Dir: dir} // without a controller: only hosts
	t.Cleanup(func() { _ = lab.Down(o.Instance, dir) })
	var out bytes.Buffer
	if err := Up(t.Context(), &out, topology, o); err != nil {
		t.Fatal(err)
	}
	if want := "weft lab exec --dir " + dir + " swarm-01 -- ovs-ofctl --names dump-flows br-weft"; !strings.Contains(out.String(), want) {
		t.Errorf("%q is not in:\n%s", want, out.String())
	}
	if text, err := execute(t, "check", "--dir", dir); err != nil || !strings.Contains(text, "All 0 expectations hold") {
		t.Errorf("check: %v\n%s", err, text)
	}
	if text, err := execute(t, "exec", "--dir", dir, "host9", "--", "true"); err == nil || !strings.Contains(err.Error(), "it has swarm-01, swarm-02") {
		t.Errorf("exec: %v\n%s", err, text)
	}
	if text, err := execute(t, "down", "--dir", dir); err != nil || !strings.Contains(text, "lab "+o.Instance+" is down") {
		t.Errorf("down: %v\n%s", err, text)
	}
	if _, err := execute(t, "check", "--dir", dir); err == nil || !strings.Contains(err.Error(), "no lab is in") {
		t.Errorf("check after down: %v", err)
	}
}

func TestWhichLabIsMeant(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	file := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(file, []byte(twoHosts), 0o600); err != nil {
		t.Fatal(err)
	}
	up := func(name string) {
		if err := os.MkdirAll(lab.DefaultDir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(lab.DefaultDir(name), "lab.json"), []byte(`{"instance":"`+name+`"}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := func(c choice, instance, problem string) {
		t.Helper()
		got, dir, _, err := c.find()
		if problem != "" {
			if err == nil || !strings.Contains(err.Error(), problem) {
				t.Errorf("%+v: got %v, want …%s…", c, err, problem)
			}
			return
		}
		if err != nil || got != instance || c.dir == "" && dir != lab.DefaultDir(instance) {
			t.Errorf("%+v: got %q in %q (%v), want %q", c, got, dir, err, instance)
		}
	}
	want(choice{}, "", "no lab is up")
	want(choice{file: file}, "cmd", "")
	want(choice{file: file, name: "mine"}, "mine", "")
	want(choice{file: "missing.yaml"}, "", "missing.yaml")
	up("one")
	want(choice{}, "one", "")
	want(choice{dir: lab.DefaultDir("one")}, "one", "")
	up("two")
	want(choice{}, "", "several labs are up (one, two)")
	want(choice{name: "two"}, "two", "")
}

func TestTheCommandOfExec(t *testing.T) {
	for _, c := range []struct{ args, want []string }{
		{[]string{"host1", "--", "ovs-vsctl", "--", "show"}, []string{"ovs-vsctl", "--", "show"}},
		{[]string{"host1", "ip", "-o", "link"}, []string{"ip", "-o", "link"}},
	} {
		if got := commandOf(c.args); !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.args, got, c.want)
		}
	}
	if _, err := execute(t, "exec", "host1"); err == nil {
		t.Error("exec without a command was accepted")
	}
}
