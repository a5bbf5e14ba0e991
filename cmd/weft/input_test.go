package main

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/model"
)

func TestEveryTopologyCanBeApplied(t *testing.T) {
	files, err := filepath.Glob("../../topologies/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no topologies: %v", err)
	}
	for _, file := range files {
		topology, err := readObject(&cobra.Command{}, file)
		if err != nil {
			t.Fatal(err)
		}
		body, err := documentOf(topology)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		var d model.Document
		if err := json.Unmarshal(body, &d); err != nil || len(d.Networks) == 0 {
			t.Errorf("%s: %s, %v", file, body, err)
		}
	}
}
