package verdict

import (
	"regexp"
	"testing"
)

func TestEveryReasonIsAWordWithOneVerdictAndAMeaning(t *testing.T) {
	word := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := map[Reason]bool{}
	for _, known := range Reasons() {
		if !word.MatchString(string(known.Reason)) || known.Meaning == "" || seen[known.Reason] {
			t.Errorf("%+v is no entry of a closed list", known)
		}
		seen[known.Reason] = true
		if known.Transient && known.Verdict != Fail {
			t.Errorf("%s is tried again though it is %s", known.Reason, known.Verdict)
		}
		if got := known.Reason.Explain(); got != known {
			t.Errorf("explains as %+v, listed as %+v", got, known)
		}
	}
}

func TestAReasonOutsideTheListIsUnknown(t *testing.T) {
	for _, strange := range []Reason{"", "green", "OK"} {
		if got := strange.Verdict(); got != Unknown {
			t.Errorf("%q leads to %s", strange, got)
		}
	}
}
