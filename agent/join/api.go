package join

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The rest of the agent calls the controller's REST API by what is in these
// files of the state directory.
const (
	apiTokenFile = "api-token" // empty where the API asks for none
	apiURLFile   = "api-url"   // of the controller that was followed last
)

// API is where the REST API of the controller was last, empty if that is not
// known yet, and the file that has the token for it.
func API(stateDir string) (url, tokenFile string) {
	text, err := os.ReadFile(filepath.Join(stateDir, apiURLFile))
	if err == nil {
		url = strings.TrimSpace(string(text))
	}
	return url, filepath.Join(stateDir, apiTokenFile)
}

// rememberAPI notes where the API is, and tells who wants to know.
func (h *host) rememberAPI(url string) error {
	if url == h.api {
		return nil
	}
	if err := os.WriteFile(filepath.Join(h.cfg.StateDir, apiURLFile), []byte(url+"\n"), 0o600); err != nil {
		return fmt.Errorf("remember where the controller's API is: %w", err)
	}
	h.api = url
	if h.cfg.Found != nil {
		h.cfg.Found(url)
	}
	return nil
}
