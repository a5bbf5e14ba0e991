// Package statefile keeps what an agent has to know after a restart: a value as
// JSON in a file of its own. The packages of the agent that remember something
// import it; it knows nothing of what is in the files.
package statefile

import (
	"encoding/json"
	"errors"
	"os"
)

// Save replaces a file by renaming a new one into its place, so that a crash or a
// power cut leaves the old value or the new one. Only the owner may read it.
func Save(file string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
