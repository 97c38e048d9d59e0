// Package verdict owns the four values a check may end with and how they
// combine. It never decides what a measurement means: callers do.
package verdict

// Verdict is the outcome of one check, run, expectation or scenario.
type Verdict string

const (
	// Pass needs positive evidence; it is never the default.
	Pass Verdict = "pass"
	// PassAfterRetry is a pass that needed more than one attempt.
	PassAfterRetry Verdict = "pass-after-retry"
	// Fail means the system under test broke a promise.
	Fail Verdict = "fail"
	// Unknown means our own fault or missing data: neither good nor bad.
	Unknown Verdict = "unknown"
)

// Exit codes every command of Tocsin ends with.
const (
	ExitPass    = 0
	ExitFail    = 1
	ExitUsage   = 2
	ExitUnknown = 3
)

// ExitCode maps v to the process exit code: 0 pass, 1 fail, 3 unknown.
func (v Verdict) ExitCode() int {
	switch v {
	case Pass, PassAfterRetry:
		return ExitPass
	case Fail:
		return ExitFail
	default:
		return ExitUnknown
	}
}

// Good reports whether v is a pass, retried or not.
func (v Verdict) Good() bool { return v == Pass || v == PassAfterRetry }

// Combine joins the verdicts of the parts of a whole. One broken promise makes
// the whole fail; otherwise one unknown part makes it unknown. A whole without
// parts is unknown: nothing was measured.
func Combine(parts ...Verdict) Verdict {
	if len(parts) == 0 {
		return Unknown
	}
	whole := Pass
	for _, part := range parts {
		if rank(part) > rank(whole) {
			whole = part
		}
	}
	return whole
}

func rank(v Verdict) int {
	switch v {
	case Pass:
		return 0
	case PassAfterRetry:
		return 1
	case Fail:
		return 3
	default:
		return 2
	}
}
