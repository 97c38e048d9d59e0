package verdict

import "testing"

func TestAWholeIsAsGoodAsItsWorstPart(t *testing.T) {
	cases := map[string]struct {
		parts []Verdict
		want  Verdict
	}{
		"nothing measured is unknown":                {nil, Unknown},
		"all good":                                   {[]Verdict{Pass, Pass}, Pass},
		"a retry shows":                              {[]Verdict{Pass, PassAfterRetry}, PassAfterRetry},
		"what is unknown is not good":                {[]Verdict{Pass, Unknown, PassAfterRetry}, Unknown},
		"a broken promise outweighs what is unknown": {[]Verdict{Unknown, Fail, Pass}, Fail},
		"a value nobody knows is unknown":            {[]Verdict{Pass, "green"}, "green"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Combine(tc.parts...)
			if got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
			if got.Good() != (tc.want == Pass || tc.want == PassAfterRetry) {
				t.Errorf("%s counts as good: %v", got, got.Good())
			}
		})
	}
}

func TestOnlyAPassExitsWithZero(t *testing.T) {
	for v, want := range map[Verdict]int{Pass: 0, PassAfterRetry: 0, Fail: 1, Unknown: 3, "": 3, "green": 3} {
		if got := v.ExitCode(); got != want {
			t.Errorf("%q exits with %d, want %d", v, got, want)
		}
	}
}
