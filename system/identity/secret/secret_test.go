package secret

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func pepper(letter string) []byte { return []byte(strings.Repeat(letter, minimum)) }

func derive(t testing.TB, peppers ...[]byte) *Keys {
	t.Helper()
	keys, err := Derive(peppers...)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func box(t testing.TB, keys *Keys, purpose string) *Box {
	t.Helper()
	made, err := keys.Box(purpose)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

type value struct {
	Text string `json:"text"`
}

func TestBoxOpensOnlyWhatItSealed(t *testing.T) {
	a := box(t, derive(t, pepper("a")), "code")
	sealed, err := a.Seal(value{"hello"})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(sealed, "hello") || strings.ContainsAny(sealed, "+/= ") {
		t.Errorf("sealed text %q", sealed)
	}
	got := value{}
	if err := box(t, derive(t, pepper("a")), "code").Open(sealed, &got); err != nil || got.Text != "hello" {
		t.Errorf("another zone opened %v, %v", got, err)
	}
	changed := []byte(sealed)
	changed[len(changed)/2] ^= 1
	for name, test := range map[string]struct {
		box  *Box
		text string
	}{
		"another purpose":   {box(t, derive(t, pepper("a")), "session"), sealed},
		"another pepper":    {box(t, derive(t, pepper("b")), "code"), sealed},
		"a changed text":    {a, string(changed)},
		"a cut text":        {a, sealed[:len(sealed)-2]},
		"nothing":           {a, ""},
		"no base64url":      {a, "a+b/"},
		"an oversized text": {a, strings.Repeat("A", maxSealed+1)},
	} {
		if err := test.box.Open(test.text, &value{}); !errors.Is(err, ErrForged) {
			t.Errorf("%s: %v, want ErrForged", name, err)
		}
	}
}

func TestSealSameGivesOneTextInEveryZone(t *testing.T) {
	a, b := box(t, derive(t, pepper("a")), "code"), box(t, derive(t, pepper("a")), "code")
	seal := func(b *Box, seal func(any) (string, error), text string) string {
		t.Helper()
		sealed, err := seal(value{text})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Open(sealed, &value{}); err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	if seal(a, a.SealSame, "x") != seal(b, b.SealSame, "x") {
		t.Error("the same value gave two texts")
	}
	if seal(a, a.SealSame, "x") == seal(a, a.SealSame, "y") {
		t.Error("two values gave one text")
	}
	if first := seal(a, a.Seal, "x"); first == seal(a, a.Seal, "x") {
		t.Error("Seal gave one text twice")
	}
}

func TestPepperCanBeReplaced(t *testing.T) {
	before, during := derive(t, pepper("a")), derive(t, pepper("b"), pepper("a"))
	after := derive(t, pepper("b"))
	old, err := box(t, before, "code").Seal(value{"old"})
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := box(t, during, "code").Seal(value{"fresh"})
	if err != nil {
		t.Fatal(err)
	}
	got := value{}
	if err := box(t, during, "code").Open(old, &got); err != nil || got.Text != "old" {
		t.Errorf("the old pepper's text: %v, %v", got, err)
	}
	if err := box(t, after, "code").Open(fresh, &got); err != nil || got.Text != "fresh" {
		t.Errorf("the new pepper's text: %v, %v", got, err)
	}
	if err := box(t, after, "code").Open(old, &got); !errors.Is(err, ErrForged) {
		t.Errorf("a pepper that is gone: %v", err)
	}
	if before.Subject("s", "p") != during.Subject("s", "p") || before.Grant("x") != during.Grant("x") {
		t.Error("subjects or grant ids changed with the pepper")
	}
}

func TestSubjectsTellSectorsAndPersonsApart(t *testing.T) {
	keys, seen := derive(t, pepper("a")), map[string]bool{}
	for _, parts := range [][2]string{{"", "12"}, {"1", "2"}, {"12", ""}, {"a", "12"}, {"b", "12"}, {"a", "13"}} {
		subject := keys.Subject(parts[0], parts[1])
		if seen[subject] || len(subject) != 24 || strings.Contains(subject, "12") {
			t.Errorf("subject of %q is %q", parts, subject)
		}
		seen[subject] = true
	}
	if keys.Subject("a", "b") == keys.Grant("a", "b") {
		t.Error("one key for subjects and grants")
	}
}

func TestDeriveRefusesWeakPeppers(t *testing.T) {
	good := string(pepper("a"))
	for name, lines := range map[string][]string{
		"none": nil, "short": {"short"}, "a short second": {good, "short"}, "two in a line": {good + " " + good},
		"a short one for subjects": {good, "subjects: short"}, "none for subjects": {good, "subjects:"},
		"two for subjects": {good, "subjects: " + good, "subjects: " + good}, "nothing that seals": {"subjects: " + good},
		"a misspelt one for subjects": {good, "subject: " + good},
	} {
		_, err := load(t, lines...)
		if err == nil {
			t.Errorf("%s was taken", name)
		} else if strings.Contains(err.Error(), good) {
			t.Errorf("%s: the error tells the pepper", name)
		}
	}
	keys, err := load(t, string(pepper("a")), string(pepper("b")))
	if err != nil || len(keys.peppers) != 2 || !bytes.Equal(keys.peppers[0], pepper("a")) {
		t.Errorf("two peppers: %v, %v", keys, err)
	}
}

func TestChallengeIsFreshForFiveMinutesInEveryZone(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	now := at
	issuing := derive(t, pepper("a")).Challenge("dpop", func() time.Time { return at })
	checking := derive(t, pepper("a")).Challenge("dpop", func() time.Time { return now })
	challenge := issuing.Current()
	for _, test := range []struct {
		name         string
		later        time.Duration
		fresh, aging bool
	}{
		{"at once", 0, true, false},
		{"in a zone whose clock is a minute behind", -time.Minute, true, false},
		{"in one that is two minutes and more behind", -2*time.Minute - time.Second, false, false},
		{"after a minute a new one is due", time.Minute, true, true},
		{"after five minutes it still holds", 5 * time.Minute, true, true},
		{"after six it does not", 6 * time.Minute, false, false},
		{"nor after a day", 24 * time.Hour, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			now = at.Add(test.later)
			if fresh, aging := checking.Fresh(challenge); fresh != test.fresh || aging != test.aging {
				t.Errorf("fresh %v aging %v, want %v %v", fresh, aging, test.fresh, test.aging)
			}
		})
	}
}

func TestChallengeSurvivesANewPepperAndNoOtherPurpose(t *testing.T) {
	now := func() time.Time { return time.Unix(1_800_000_000, 0) }
	old := derive(t, pepper("a")).Challenge("dpop", now).Current()
	both := derive(t, pepper("b"), pepper("a"))
	if fresh, _ := both.Challenge("dpop", now).Fresh(old); !fresh {
		t.Error("the old pepper's challenge is refused")
	}
	if both.Challenge("dpop", now).Current() == old {
		t.Error("the old pepper still gives challenges")
	}
	if fresh, _ := derive(t, pepper("b")).Challenge("dpop", now).Fresh(old); fresh {
		t.Error("the challenge of a pepper that is gone is accepted")
	}
	for _, text := range []string{"", "x", both.Challenge("c_nonce", now).Current(), old[:len(old)-1]} {
		if fresh, _ := both.Challenge("dpop", now).Fresh(text); fresh {
			t.Errorf("%q is accepted", text)
		}
	}
}

func FuzzOpen(f *testing.F) {
	keys := derive(f, pepper("b"), pepper("a"))
	sealing := box(f, keys, "code")
	good, err := sealing.Seal(value{"x"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good[:20])
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if err := sealing.Open(text, &value{}); text != good && !errors.Is(err, ErrForged) {
			t.Errorf("opened %q: %v", text, err)
		}
	})
}

func BenchmarkBox(b *testing.B) {
	sealing := box(b, derive(b, pepper("a")), "code")
	b.ReportAllocs()
	for b.Loop() {
		sealed, err := sealing.Seal(value{"some text"})
		if err != nil {
			b.Fatal(err)
		}
		if err := sealing.Open(sealed, &value{}); err != nil {
			b.Fatal(err)
		}
	}
}
