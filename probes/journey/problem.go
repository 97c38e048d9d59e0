package journey

import (
	"errors"
	"strings"

	"tocsin/internal/strictyaml"
)

// Problems is all that check reports about a configuration, each with its key
// and what would be right; nil where there is nothing wrong.
func Problems(check func(report strictyaml.Report)) error {
	var wrong []error
	check(func(key, problem, hint string) {
		wrong = append(wrong, errors.New(strings.Trim(strings.Join([]string{key + " " + problem, hint}, "; "), "; ")))
	})
	return errors.Join(wrong...)
}
