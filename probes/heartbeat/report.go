package heartbeat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// What a job says of itself.
const (
	Started   = "start"
	Succeeded = "success"
	Gone      = "fail"
)

// Report is one sign of life.
type Report struct {
	Name string `json:"name"`
	// State is start, success or fail.
	State string `json:"state"`
	// ExitCode of the job; -1 if a signal ended it.
	ExitCode        int       `json:"exit_code"`
	DurationSeconds float64   `json:"duration_seconds,omitempty"`
	Message         string    `json:"message,omitempty"`
	At              time.Time `json:"at"`
}

// Said is the body of a report, as a job sends it.
type Said struct {
	State           string  `json:"state,omitempty"`
	ExitCode        int     `json:"exit_code"`
	DurationSeconds float64 `json:"duration_seconds,omitempty"`
	Message         string  `json:"message,omitempty"`
}

// Longest times and texts that make sense.
const (
	longestRun  = 400 * 24 * 3600
	mostMessage = 500
)

// ParseReport understands the body of a report; an empty one says that all went
// well.
func ParseReport(body []byte) (Report, error) {
	var said Said
	if len(bytes.TrimSpace(body)) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&said)
		if err == nil {
			_, err = decoder.Token()
		}
		if !errors.Is(err, io.EOF) {
			return Report{}, fmt.Errorf(`the body must be empty or JSON such as {"state": "success", "exit_code": 0, "duration_seconds": 12.5, "message": "done"}: %w`, cause(err))
		}
	}
	return said.report()
}

func cause(err error) error {
	if err == nil {
		return errors.New("something follows the JSON")
	}
	return err
}

func (s Said) report() (Report, error) {
	state := s.State
	if state == "" {
		state = Succeeded
		if s.ExitCode != 0 {
			state = Gone
		}
	}
	switch {
	case state != Started && state != Succeeded && state != Gone:
		return Report{}, fmt.Errorf("state %q is none of start, success, fail", s.State)
	case state != Gone && s.ExitCode != 0:
		return Report{}, fmt.Errorf("exit code %d is no %s", s.ExitCode, state)
	case s.ExitCode < -1 || s.ExitCode > 255:
		return Report{}, fmt.Errorf("exit_code %d is not between -1 and 255", s.ExitCode)
	case s.DurationSeconds < 0 || s.DurationSeconds > longestRun:
		return Report{}, fmt.Errorf("duration_seconds %v is not between 0 and %d", s.DurationSeconds, longestRun)
	}
	return Report{State: state, ExitCode: s.ExitCode, DurationSeconds: s.DurationSeconds, Message: clean(s.Message)}, nil
}

// clean keeps what a table, a log and a page may show of a stranger's words.
func clean(text string) string {
	shown := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	runes := []rune(strings.TrimSpace(shown))
	return string(runes[:min(len(runes), mostMessage)])
}
