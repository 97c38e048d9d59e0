package region

import (
	"testing"
	"time"

	"tocsin/system/lab/parts"
)

func TestAPodThatDoesNotAnswerIsRestarted(t *testing.T) {
	born := time.Now()
	// After that many seconds the pod answers or does not.
	type question struct {
		second int
		alive  bool
	}
	silence := func(from, questions int) (all []question) {
		for i := range questions {
			all = append(all, question{from + 2*i, false})
		}
		return all
	}
	cases := map[string]struct {
		questions []question
		restarts  int
	}{
		"it falls silent":                   {append([]question{{2, true}}, silence(4, missesUntilRestart)...), 1},
		"it is silent for a moment":         {append(append([]question{{2, true}}, silence(4, missesUntilRestart-1)...), question{20, true}, question{22, false}), 0},
		"it takes its time to start":        {append(silence(2, 29), question{60, true}), 0},
		"it never starts":                   {silence(2, 29+missesUntilRestart), 1},
		"it falls silent while it is young": {append([]question{{2, true}}, silence(4, 2*missesUntilRestart)...), 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			n, restarts := newNode(parts.Part{}), 0
			for _, asked := range tc.questions {
				if n.missed(asked.alive, born, born.Add(time.Duration(asked.second)*time.Second)) {
					restarts++
				}
			}
			if restarts != tc.restarts {
				t.Errorf("restarted %d times", restarts)
			}
		})
	}
}

func TestAnAnswerToAnEarlierQuestionIsOldNews(t *testing.T) {
	n, first := newNode(parts.Part{}), time.Now()
	n.learn(parts.Health{Role: "replica", Ready: true}, first.Add(time.Second))
	n.learn(parts.Health{Reason: "no answer in time"}, first)
	if got := n.lastHealth(); !got.Ready || got.Role != "replica" {
		t.Errorf("an overtaken answer is believed: %+v", got)
	}
}
