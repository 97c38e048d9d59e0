package conf

import (
	"fmt"
	"time"
)

// Path is a path that need not exist. Decoding makes it absolute.
type Path string

// File is the path of a file that must exist. Decoding makes it absolute.
type File string

// Duration is a time span written like 500ms or 10m; it must be positive.
type Duration time.Duration

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// UnmarshalText reads the text form.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 500ms or 10m", text)
	}
	if parsed <= 0 {
		return fmt.Errorf("%q is not longer than nothing", text)
	}
	*d = Duration(parsed)
	return nil
}
