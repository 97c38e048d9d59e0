package offer

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/secret"
)

func newSealer(t testing.TB, clock *time.Time, letter string) *Sealer {
	t.Helper()
	keys, err := secret.Derive([]byte(strings.Repeat(letter, 32)))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := NewSealer(keys, func() time.Time { return *clock })
	if err != nil {
		t.Fatal(err)
	}
	return sealer
}

func TestTextsOfAnOfferAreNotTakenForEachOther(t *testing.T) {
	clock := time.Unix(1700000000, 0)
	sealer := newSealer(t, &clock, "a")
	o := &Offer{ID: "1", Configurations: []string{"c"}, Person: "p", Expires: clock.Add(time.Minute)}
	texts := map[string]string{}
	for name, seal := range map[string]func(*Offer) (string, error){"code": sealer.Code, "reference": sealer.Reference, "state": sealer.State} {
		text, err := seal(o)
		if err != nil {
			t.Fatal(err)
		}
		again, err := newSealer(t, &clock, "a").codes.SealSame(o)
		if err != nil {
			t.Fatal(err)
		}
		if name == "code" && again != text {
			t.Error("another zone makes another code of the same offer")
		}
		texts[name] = text
	}
	open := map[string]func(string) error{
		"code":      func(text string) error { _, err := sealer.Redeem(text); return err },
		"reference": func(text string) error { _, err := sealer.Resolve(text); return err },
		"state":     func(text string) error { _, err := sealer.OpenState(text); return err },
	}
	for name, text := range texts {
		for as, opener := range open {
			if err := opener(text); (err == nil) != (name == as) {
				t.Errorf("%s as %s: %v", name, as, err)
			}
		}
	}
	clock = clock.Add(2 * time.Minute)
	for name, text := range texts {
		if err := open[name](text); !errors.Is(err, ErrInvalid) {
			t.Errorf("expired %s: %v", name, err)
		}
	}
}

func TestAnOfferWithoutAPersonHasNoCode(t *testing.T) {
	clock := time.Unix(1700000000, 0)
	sealer := newSealer(t, &clock, "a")
	code, err := sealer.Code(&Offer{ID: "1", Expires: clock.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sealer.Redeem(code); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestTransactionCodesKeepTheirZeros(t *testing.T) {
	for length := minDigits; length <= maxDigits; length++ {
		for range 50 {
			code, err := digits(length)
			if err != nil || len(code) != length || strings.Trim(code, "0123456789") != "" {
				t.Fatalf("%q %v", code, err)
			}
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"credential_configuration_ids":["a"],"grants":["authorization_code"],"person":"p","tx_code":{"length":6}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		asked, err := parse(text)
		if err != nil {
			if oautherr.Verdict(err) == nil {
				t.Fatalf("%q is taken for an outage: %v", text, err)
			}
			return
		}
		if len(asked.configurations) == 0 || len(asked.grants) == 0 || asked.digits > maxDigits {
			t.Fatalf("%q is taken: %+v", text, asked)
		}
	})
}

func FuzzTexts(f *testing.F) {
	clock := time.Unix(1700000000, 0)
	sealer := newSealer(f, &clock, "a")
	other, err := newSealer(f, &clock, "b").Code(&Offer{ID: "1", Person: "p", Expires: clock.Add(time.Minute)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(other)
	f.Fuzz(func(t *testing.T, text string) {
		_, codeErr := sealer.Redeem(text)
		_, referenceErr := sealer.Resolve(text)
		_, stateErr := sealer.OpenState(text)
		if codeErr == nil || referenceErr == nil || stateErr == nil {
			t.Fatalf("%q was not sealed here", text)
		}
	})
}
