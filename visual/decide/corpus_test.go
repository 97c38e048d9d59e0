package decide

import (
	"testing"

	"tocsin/visual/corpus"
)

func TestEveryPairOfTheCorpusIsDecidedAsAPersonWould(t *testing.T) {
	pairs, err := corpus.Pairs()
	if err != nil {
		t.Fatal(err)
	}
	same := 0
	for _, pair := range pairs {
		budget := DefaultBudget()
		budget.Ignore, budget.Absorb = pair.Ignore, pair.Absorb
		decided, err := Pictures(pair.Before, pair.Now, budget)
		if err != nil {
			t.Fatal(err)
		}
		if pair.Same {
			same++
		}
		if decided.Same != pair.Same {
			t.Errorf("%s: same %v, want %v: %s; %d changed, %d soft, %d faint, %d ignored", pair.Name, decided.Same, pair.Same, decided.Note,
				decided.Outcome.Changed, decided.Outcome.Antialiased, decided.Outcome.Below, decided.Outcome.Ignored)
		}
		if !pair.Same && decided.Note == "" {
			t.Errorf("%s differs without a word", pair.Name)
		}
	}
	if len(pairs) < 60 || same < 15 {
		t.Errorf("corpus has %d pairs, %d of them the same", len(pairs), same)
	}
	t.Logf("%d pairs, %d of them the same", len(pairs), same)
}
