package checks

import "fmt"

// loginOnly is what is looked at where no file says what.
const loginOnly = `version: 1
pages:
  - {name: login, login: true}
`

// ForTarget is the file of a target: that of path, else the one that the target
// file names, else one with nothing but the login page.
func ForTarget(path, named string) (*File, error) {
	if path == "" {
		path = named
	}
	if path != "" {
		return Load(path)
	}
	file, err := Parse("built-in visual checks", []byte(loginOnly))
	if err != nil {
		return nil, fmt.Errorf("visual checks: %w", err)
	}
	return file, nil
}
