package quorum_test

import (
	"fmt"
	"testing"

	"tocsin/probes/quorum"
)

func names(count int) []string {
	all := make([]string, count)
	for index := range all {
		all[index] = string(rune('a' + index))
	}
	return all
}

func TestDecide(t *testing.T) {
	cases := map[string]struct {
		agree, up, down, silent int
		want                    quorum.Decision
	}{
		"nobody votes":                                   {2, 0, 0, 3, quorum.Unknown},
		"one voter is not enough for good news":          {2, 1, 0, 2, quorum.Unknown},
		"one voter is not enough for bad news":           {2, 0, 1, 2, quorum.Unknown},
		"two who contradict each other, and one silent":  {2, 1, 1, 1, quorum.Unknown},
		"two see it work, one is silent":                 {2, 2, 0, 1, quorum.Up},
		"two see it fail, one is silent":                 {2, 0, 2, 1, quorum.Outage},
		"one of three sees it fail":                      {2, 2, 1, 0, quorum.Up},
		"two of three see it fail":                       {2, 1, 2, 0, quorum.Outage},
		"two of five see it fail, and two must agree":    {2, 3, 2, 0, quorum.Outage},
		"all must agree, and one does not":               {3, 1, 2, 0, quorum.Up},
		"all must agree, and the last is silent":         {3, 0, 2, 1, quorum.Unknown},
		"one good voter where all must agree on outages": {3, 1, 0, 2, quorum.Unknown},
		"four of five must agree, one silent, half each": {4, 2, 2, 1, quorum.Up},
		"a single checkpoint decides alone":              {1, 0, 1, 0, quorum.Outage},
		"a single checkpoint that is silent":             {1, 0, 0, 1, quorum.Unknown},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			all := names(c.up + c.down + c.silent)
			cfg := quorum.Config{Agree: c.agree, Checkpoints: all}
			got := cfg.Decide(quorum.Tally{Up: all[:c.up], Down: all[c.up : c.up+c.down], Silent: all[c.up+c.down:]})
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// Whatever the numbers, an outage needs as many who see it as must agree, good
// news needs as many voters, and one vote that turns from good to bad never
// makes the decision better.
func TestDecidePromises(t *testing.T) {
	worse := map[quorum.Decision]int{quorum.Up: 0, quorum.Unknown: 1, quorum.Outage: 2}
	for count := 1; count <= 7; count++ {
		all := names(count)
		for agree := 1; agree <= count; agree++ {
			cfg := quorum.Config{Agree: agree, Checkpoints: all}
			for up := 0; up <= count; up++ {
				for down := 0; up+down <= count; down++ {
					tally := quorum.Tally{Up: all[:up], Down: all[up : up+down], Silent: all[up+down:]}
					got := cfg.Decide(tally)
					if (got == quorum.Outage) != (down >= agree) || got == quorum.Up && up+down < agree || got == quorum.Up && up == 0 {
						t.Errorf("%d of %d, %d up, %d down: %s", agree, count, up, down, got)
					}
					if up > 0 {
						turned := quorum.Tally{Up: all[:up-1], Down: all[up-1 : up+down], Silent: all[up+down:]}
						if worse[cfg.Decide(turned)] < worse[got] {
							t.Errorf("%d of %d, %d up, %d down: %s gets better with one more failure", agree, count, up, down, got)
						}
					}
				}
			}
		}
	}
}

func TestConfigCheck(t *testing.T) {
	cases := map[string]struct {
		cfg  quorum.Config
		want string
	}{
		"more than half by default":   {quorum.Config{Checkpoints: names(3)}, "agree 2"},
		"half is not more than half":  {quorum.Config{Checkpoints: names(4)}, "agree 3"},
		"nobody":                      {quorum.Config{Agree: 1}, "checkpoints: no checkpoint is named"},
		"more than there are":         {quorum.Config{Agree: 4, Checkpoints: names(3)}, "agree: 4 of 3 checkpoints can never agree"},
		"fewer than none":             {quorum.Config{Agree: -1, Checkpoints: names(3)}, "agree: -1 of 3 checkpoints can never agree"},
		"one that votes twice":        {quorum.Config{Checkpoints: []string{"a", "b", "a"}}, `checkpoints[2]: "a" is named twice`},
		"a name that is a path":       {quorum.Config{Checkpoints: []string{"../a"}}, `checkpoints[0]: "../a" cannot name a checkpoint`},
		"a name with a line break":    {quorum.Config{Checkpoints: []string{"a\nb"}}, "checkpoints[0]: \"a\\nb\" cannot name a checkpoint"},
		"a name that is a whole host": {quorum.Config{Checkpoints: []string{"osl-1.probe.example"}}, "agree 1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := ""
			c.cfg.Check(func(key, problem, _ string) {
				if got == "" {
					got = key + ": " + problem
				}
			})
			if got == "" {
				got = fmt.Sprintf("agree %d", c.cfg.Agree)
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
