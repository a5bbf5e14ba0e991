package statefile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSaveReplacesOrLeaves(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	for _, value := range []string{"first", "second"} {
		if err := Save(file, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := Save(file, func() {}); err == nil {
		t.Error("what is no JSON was saved")
	}
	text, err := os.ReadFile(file)
	if err != nil || string(text) != `"second"` {
		t.Errorf("the file holds %s, %v", text, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
	if err := Save(filepath.Join(t.TempDir(), "nowhere", "state.json"), 1); err == nil {
		t.Error("a directory that is not there is no error")
	}
}
