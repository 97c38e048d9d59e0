package k6

import "fmt"

// Exit codes of k6 that matter here (grafana/k6 errext/exitcodes/codes.go).
const (
	exitThresholds    = 99
	exitInvalidConfig = 104
	exitExternalAbort = 105
	exitScript        = 107
	exitScriptAborted = 108
	exitPanic         = 109
	exitMarkedFailed  = 110
)

// explain says what code means for the run, and whether the lines it left can
// still be judged. Thresholds that failed are no reason to distrust the lines:
// the figures are judged by our own rules.
func explain(code int, stopped bool) (usable bool, meaning string) {
	switch code {
	case 0, exitThresholds:
		return true, ""
	case exitExternalAbort:
		return stopped, "k6 was interrupted from outside"
	case exitInvalidConfig:
		return false, "k6 refused its configuration"
	case exitScript:
		return false, "the load script threw an exception"
	case exitScriptAborted:
		return false, "the load script aborted the test"
	case exitPanic:
		return false, "k6 panicked"
	case exitMarkedFailed:
		return false, "the load script marked the run as failed"
	}
	if stopped {
		return true, ""
	}
	if code < 0 {
		return false, "k6 was killed"
	}
	return false, fmt.Sprintf("k6 ended with exit code %d", code)
}
