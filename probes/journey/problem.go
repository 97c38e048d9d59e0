package journey

import (
	"errors"
	"strings"
)

// FirstProblem is the first of what check reports about a configuration, with
// its key and what would be right; nil where there is nothing wrong.
func FirstProblem(check func(report func(key, problem, hint string))) (err error) {
	check(func(key, problem, hint string) {
		if err == nil {
			err = errors.New(strings.Trim(strings.Join([]string{key + " " + problem, hint}, "; "), "; "))
		}
	})
	return err
}
