package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ProblemKind names what went wrong in one attempt.
type ProblemKind string

// The honest problems of a system in trouble, and the two protocol answers.
const (
	Refused ProblemKind = "refused"
	Reset   ProblemKind = "reset"
	Timeout ProblemKind = "timeout"
	DNS     ProblemKind = "dns"
	TLS     ProblemKind = "tls"
	Status5 ProblemKind = "5xx"
	Status4 ProblemKind = "429"
	// Lie is a protocol verdict against input that is valid and was never
	// presented before.
	Lie ProblemKind = "lie"
	// Verdict is a protocol verdict that may be honest, because an earlier
	// answer was lost.
	Verdict ProblemKind = "verdict"
)

// Problem is one attempt of a login that did not get its answer.
type Problem struct {
	At     time.Time   `json:"at"`
	Step   string      `json:"step"`
	Status int         `json:"status,omitempty"`
	Kind   ProblemKind `json:"kind"`
	Detail string      `json:"detail,omitempty"`
}

// Login is what one person met. Code is a secret until it has been redeemed and
// is never written to disk.
type Login struct {
	N        int
	Start    time.Time
	End      time.Time
	OK       bool
	GaveUp   string
	TraceID  string
	Waits    int
	Restarts int
	Problems []Problem
	// ProblemsTotal counts also those that the script did not keep.
	ProblemsTotal int
	Steps         map[string]time.Duration

	GrantID      string
	GrantAcked   time.Time
	Code         string
	CodeVerifier string
	CodeRedeemed time.Time
}

// Took is the time from the person's first click to the answer, waits included.
func (l Login) Took() time.Duration { return l.End.Sub(l.Start) }

// Lies counts the protocol verdicts against valid input.
func (l Login) Lies() int {
	lies := 0
	for _, problem := range l.Problems {
		if problem.Kind == Lie {
			lies++
		}
	}
	return lies
}

// lineVersion is the version of the line that the scripts write.
const lineVersion = 1

type line struct {
	Version      int                `json:"v"`
	N            int                `json:"n"`
	Start        int64              `json:"start"`
	End          int64              `json:"end"`
	OK           bool               `json:"ok"`
	GaveUp       string             `json:"gave_up"`
	ScriptError  bool               `json:"script_error"`
	TraceID      string             `json:"trace_id"`
	Waits        int                `json:"waits"`
	Restarts     int                `json:"restarts"`
	Steps        map[string]float64 `json:"steps"`
	Errors       []lineError        `json:"errors"`
	ErrorsTotal  int                `json:"errors_total"`
	GrantID      string             `json:"grant_id"`
	GrantAcked   int64              `json:"grant_acked_at"`
	Code         string             `json:"code"`
	CodeVerifier string             `json:"code_verifier"`
	CodeRedeemed int64              `json:"code_redeemed_at"`
}

type lineError struct {
	At     int64       `json:"t"`
	Step   string      `json:"step"`
	Status int         `json:"status"`
	Kind   ProblemKind `json:"kind"`
	Detail string      `json:"detail"`
}

// ErrScript says that the script itself failed: our own fault, not the target's.
var ErrScript = errors.New("load script failed")

// IsLine reports whether text is the line of a login. k6 writes messages of its
// own into the same stream.
func IsLine(text []byte) bool {
	return bytes.HasPrefix(text, []byte(`{"v":`))
}

// ParseLine reads the line of one login. It fails with ErrScript when the line
// tells of an exception of the script.
func ParseLine(text []byte) (Login, error) {
	var raw line
	if err := json.Unmarshal(text, &raw); err != nil {
		return Login{}, fmt.Errorf("parse login line: %w", err)
	}
	if err := raw.check(); err != nil {
		return Login{}, fmt.Errorf("parse login line %d: %w", raw.N, err)
	}
	return raw.login(), nil
}

func (l line) check() error {
	switch {
	case l.Version != lineVersion:
		return fmt.Errorf("version %d, want %d", l.Version, lineVersion)
	case l.ScriptError:
		return fmt.Errorf("%w: %s", ErrScript, l.GaveUp)
	case l.Start <= 0 || l.End < l.Start:
		return fmt.Errorf("ends at %d, before its start at %d", l.End, l.Start)
	case l.OK && l.GaveUp != "":
		return errors.New("says both that it succeeded and that it gave up")
	case l.OK && (l.Code == "" || l.CodeRedeemed == 0):
		return errors.New("says that it succeeded without having redeemed a code")
	case l.ErrorsTotal < len(l.Errors):
		return fmt.Errorf("counts %d errors and lists %d", l.ErrorsTotal, len(l.Errors))
	}
	return nil
}

func (l line) login() Login {
	login := Login{
		N: l.N, Start: time.UnixMilli(l.Start), End: time.UnixMilli(l.End), OK: l.OK, GaveUp: l.GaveUp,
		TraceID: l.TraceID, Waits: l.Waits, Restarts: l.Restarts, ProblemsTotal: l.ErrorsTotal,
		GrantID: l.GrantID, GrantAcked: moment(l.GrantAcked),
		Code: l.Code, CodeVerifier: l.CodeVerifier, CodeRedeemed: moment(l.CodeRedeemed),
	}
	if len(l.Steps) > 0 {
		login.Steps = make(map[string]time.Duration, len(l.Steps))
	}
	for step, ms := range l.Steps {
		login.Steps[step] = time.Duration(ms * float64(time.Millisecond))
	}
	if len(l.Errors) > 0 {
		login.Problems = make([]Problem, 0, len(l.Errors))
	}
	for _, e := range l.Errors {
		login.Problems = append(login.Problems, Problem{At: moment(e.At), Step: e.Step, Status: e.Status, Kind: e.Kind, Detail: e.Detail})
	}
	return login
}

// moment is the zero time for 0, which the script writes for "never".
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
