package quorum_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes/quorum"
)

const interval = 10 * time.Second

var (
	noon  = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	three = quorum.Config{Agree: 2, Checkpoints: []string{"a", "b", "c"}}
)

func at(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }

// vote is a run at checkpoint that took a second; good is +, bad is -, unknown ?.
func vote(checkpoint, sign string, started float64) quorum.Vote {
	v := quorum.Vote{
		Checkpoint: checkpoint, RunID: fmt.Sprintf("%s-%.3f", checkpoint, started),
		Started: at(started), Known: at(started + 1), Interval: interval, Verdict: verdict.Pass, Reason: verdict.OK,
	}
	switch sign {
	case "-":
		v.Verdict, v.Reason, v.Step, v.Detail = verdict.Fail, verdict.Timeout, "token", "no answer"
	case "?":
		v.Verdict, v.Reason = verdict.Unknown, verdict.OwnNetwork
	}
	return v
}

// told plays lines such as "3 b- a+": at second 3, the results of runs that
// began a second before arrive. A line of a time alone only looks.
func told(judge *quorum.Judge, lines ...string) []string {
	var all []string
	for _, line := range lines {
		words := strings.Fields(line)
		var second float64
		if _, err := fmt.Sscan(words[0], &second); err != nil {
			panic(err)
		}
		changes := judge.Look(at(second))
		for _, word := range words[1:] {
			changes = append(changes, judge.Cast(vote(word[:len(word)-1], word[len(word)-1:], second-1), at(second))...)
		}
		for _, change := range changes {
			all = append(all, fmt.Sprintf("%s %s%v", words[0], change.Kind, change.Checkpoints))
		}
	}
	return all
}

func TestWhatIsTold(t *testing.T) {
	cases := map[string]struct {
		lines []string
		want  []string
	}{
		"all is well": {[]string{"3 a+", "5 b+", "8 c+", "13 a+", "15 b+", "18 c+"}, nil},
		"the first to see an outage is not alone": {
			[]string{"3 a+", "5 b+", "8 c+", "13 a-", "15 b-", "18 c-", "23 a-"},
			[]string{"15 declared[a b]", "18 confirmed[c]"},
		},
		"one that is cut off is named once others have looked, and does not make an outage": {
			[]string{"3 a+", "5 b+", "8 c+", "15 b-", "18 c+", "23 a+", "25 b-", "28 c+", "33 a+", "35 b+"},
			[]string{"23 alone[b]", "35 alone-no-more[b]"},
		},
		"one that falls silent is no outage and no loss": {
			[]string{"3 a+", "5 b+", "8 c+", "13 a+", "18 c+", "23 a+", "28 c+", "33 a+"}, nil,
		},
		"two that fall silent leave nobody who can tell": {
			[]string{"3 a+", "5 b+", "8 c+", "13 a+", "23 a+", "33 a+", "42", "43 a+", "45 b+"},
			[]string{"43 quorum-lost[b c]", "45 quorum-regained[]"},
		},
		"two that contradict each other for a moment, while one is silent": {
			[]string{"3 a+", "5 b+", "13 a-", "15 b-", "23 a+", "25 b+"}, []string{"15 declared[a b]", "25 ended[a b]"},
		},
		"nothing is lost before there was anything": {[]string{"3", "100", "101 a+", "200"}, nil},
		"unknown runs neither confirm nor clear": {
			[]string{"3 a+", "5 b+", "8 c+", "13 a-", "15 b?", "18 c?", "19 b?"}, nil,
		},
		"an unknown run does not take back what was seen": {
			[]string{"3 a-", "5 a?", "6 b-"}, []string{"6 declared[a b]"},
		},
		"losing sight of an outage does not end it": {
			[]string{"3 a-", "5 b-", "26", "40", "43 a+", "45 b+"},
			[]string{"5 declared[a b]", "40 quorum-lost[a b c]", "45 quorum-regained[]", "45 ended[a b]"},
		},
		"an outage ends when as many as must agree see that": {
			[]string{"3 a-", "5 b-", "8 c-", "13 a+", "15 b+"},
			[]string{"5 declared[a b]", "8 confirmed[c]", "15 ended[a b]"},
		},
		"when all fall silent, that is told once": {
			[]string{"3 a+", "5 b+", "8 c+", "9000", "9999"},
			[]string{"9999 quorum-lost[a b c]"},
		},
		"a stranger has no vote": {[]string{"3 a- x-", "4 y-"}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := told(quorum.NewJudge(three, "login", nil), c.lines...); !slices.Equal(got, c.want) {
				t.Errorf("got  %v\nwant %v", got, c.want)
			}
		})
	}
}

func TestSentences(t *testing.T) {
	judge := quorum.NewJudge(three, "login", nil)
	var got []string
	for _, one := range []quorum.Vote{
		vote("a", "+", 0), vote("c", "+", 0), vote("b", "-", 1), vote("a", "+", 2), vote("c", "+", 3), vote("a", "-", 12), vote("c", "-", 13), vote("a", "+", 15), vote("c", "+", 16),
	} {
		for _, change := range judge.Cast(one, one.Known) {
			got = append(got, change.Sentence)
		}
	}
	want := []string{
		"checkpoint b alone sees login failing at token (timeout)",
		"login is out: 2 of 3 checkpoints agree: a at token (timeout), b at token (timeout)",
		"b no longer sees alone that login fails",
		"the outage of login is confirmed by c at token (timeout)",
		"login works again after 16s: a, c see it working; b sees it failing",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Votes that arrive out of order, from all checkpoints, come to the same tally
// whatever the order.
func TestTheOrderOfArrivalDoesNotMatter(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		votes := make([]quorum.Vote, 12)
		for index := range votes {
			sign := []string{"+", "-", "?"}[random.IntN(3)]
			votes[index] = vote([]string{"a", "b", "c"}[random.IntN(3)], sign, float64(random.IntN(30)))
			votes[index].RunID = fmt.Sprint(index)
		}
		var want string
		for range 6 {
			random.Shuffle(len(votes), func(i, k int) { votes[i], votes[k] = votes[k], votes[i] })
			judge := quorum.NewJudge(three, "login", nil)
			for _, one := range votes {
				judge.Cast(one, at(31))
			}
			standing := judge.Standing(at(31))
			got := fmt.Sprint(standing.Decision, standing.Tally)
			if want == "" {
				want = got
			}
			if got != want {
				t.Fatalf("seed %d: %s, and in another order %s", seed, want, got)
			}
		}
	}
}

// A late result neither declares nor ends anything, whatever it says.
func TestLateResultsDoNotRewriteHistory(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 2))
		judge := quorum.NewJudge(three, "login", nil)
		told(judge, "103 a-", "105 b-", "108 c+", "109 a-", "110 b-")
		before := fmt.Sprint(judge.Standing(at(111)))
		for range 20 {
			late := vote([]string{"a", "b", "c"}[random.IntN(3)], []string{"+", "-", "?"}[random.IntN(3)], float64(random.IntN(90)))
			if changes := judge.Cast(late, at(111)); len(changes) > 0 {
				t.Fatalf("seed %d: %s of second %v told %v", seed, late.Verdict, late.Started, changes)
			}
		}
		if after := fmt.Sprint(judge.Standing(at(111))); after != before {
			t.Fatalf("seed %d: %s became %s", seed, before, after)
		}
	}
}

// Checkpoints run at phases of their own, with runs that take up to most of an
// interval; an outage that begins at any moment is declared within two
// intervals, and so is its end. With one checkpoint cut off all along, it is
// too, and that one is named before.
func TestAnOutageIsDeclaredWithinTwoIntervals(t *testing.T) {
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 3))
		begins, ends := 40+10*random.Float64(), 100+10*random.Float64()
		cut := random.IntN(2) == 0
		var votes []quorum.Vote
		for _, name := range three.Checkpoints {
			phase := 10 * random.Float64()
			for start := phase; start < 160; start += 10 {
				one := vote(name, "+", start)
				if start >= begins && start < ends || cut && name == "b" {
					one = vote(name, "-", start)
				}
				one.Known = at(start + 9*random.Float64())
				votes = append(votes, one)
			}
		}
		slices.SortFunc(votes, func(x, y quorum.Vote) int { return x.Known.Compare(y.Known) })
		judge := quorum.NewJudge(three, "login", nil)
		seen := map[quorum.Kind]time.Time{}
		for _, one := range votes {
			for _, change := range judge.Cast(one, one.Known) {
				if _, ok := seen[change.Kind]; !ok {
					seen[change.Kind] = change.At
				}
			}
		}
		declared, ended, alone := seen[quorum.Declared], seen[quorum.Ended], seen[quorum.Alone]
		if declared.Before(at(begins)) || declared.After(at(begins).Add(2*interval)) {
			t.Errorf("seed %d: outage of %.1f declared at %v", seed, begins, declared.Sub(noon))
		}
		if ended.Before(at(ends)) || ended.After(at(ends).Add(2*interval)) {
			t.Errorf("seed %d: end at %.1f told at %v", seed, ends, ended.Sub(noon))
		}
		if cut && (alone.IsZero() || alone.After(declared)) {
			t.Errorf("seed %d: the one cut off was named at %v, the outage declared at %v", seed, alone.Sub(noon), declared.Sub(noon))
		}
	}
}

func TestAnOutageOutlivesARestart(t *testing.T) {
	before := quorum.NewJudge(three, "login", nil)
	told(before, "3 a-", "5 b-")
	open := before.Standing(at(5)).Outage
	got := told(quorum.NewJudge(three, "login", open), "13 a-", "15 b-", "16 c-", "23 a+", "25 c+")
	if want := []string{"16 confirmed[c]", "25 ended[a c]"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if open.Since != at(2) || open.Declared != at(5) {
		t.Errorf("since %v, declared %v", open.Since, open.Declared)
	}
}

// A clock that runs ahead at a checkpoint does not make its votes last longer.
func TestAVoteOfTheFutureIsOfNow(t *testing.T) {
	judge := quorum.NewJudge(three, "login", nil)
	for _, name := range []string{"a", "b"} {
		judge.Cast(vote(name, "+", 5000), at(10))
	}
	if got := judge.Standing(at(31)).Decision; got != quorum.Unknown {
		t.Errorf("votes of 21 s ago come to %s", got)
	}
}

func BenchmarkCast(b *testing.B) {
	judge := quorum.NewJudge(three, "login", nil)
	for index := range b.N {
		one := vote(three.Checkpoints[index%3], "+", float64(index))
		judge.Cast(one, one.Known)
	}
}
