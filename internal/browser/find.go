package browser

import (
	"fmt"
	"os"
	"os/exec"
)

// EnvBrowser names the environment variable with the path of the browser.
const EnvBrowser = "TOCSIN_CHROMIUM"

// Find returns the path of the machine's Chromium, one without windows if there
// is one. Its error wraps ErrMissing and says how to install one.
func Find() (string, error) {
	if path := os.Getenv(EnvBrowser); path != "" {
		found, err := exec.LookPath(path)
		if err != nil {
			return "", fmt.Errorf("%w: %s=%s: %w", ErrMissing, EnvBrowser, path, err)
		}
		return found, nil
	}
	for _, name := range []string{shell, "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		found, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if inner, err := exec.LookPath(shellOfDebian); name == shell && err == nil {
			return inner, nil
		}
		return found, nil
	}
	return "", fmt.Errorf("%w: install it with: sudo apt-get install %s fontconfig (or name one in %s)", ErrMissing, shell, EnvBrowser)
}

const (
	// shell is the Chromium without windows: a picture costs it six tenths of the
	// processor time.
	shell = "chromium-headless-shell"
	// shellOfDebian is what Debian's shell starts: a script that stays in between,
	// and would be what ends with us.
	shellOfDebian = "/usr/lib/chromium/" + shell
)
