package browser

import (
	"fmt"
	"os"
	"os/exec"
)

// EnvBrowser names the environment variable with the path of the browser.
const EnvBrowser = "TOCSIN_CHROMIUM"

// Find returns the path of the machine's Chromium. Its error wraps ErrMissing
// and says how to install one.
func Find() (string, error) {
	if path := os.Getenv(EnvBrowser); path != "" {
		found, err := exec.LookPath(path)
		if err != nil {
			return "", fmt.Errorf("%w: %s=%s: %w", ErrMissing, EnvBrowser, path, err)
		}
		return found, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%w: install it with: sudo apt-get install chromium fontconfig (or name one in %s)", ErrMissing, EnvBrowser)
}
