package mockid

import (
	"bytes"
	"encoding/base64"
	"errors"
	"image/jpeg"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tocsin/system/authenticator"
	"tocsin/system/internal/conf"
)

const people = `
persons:
  - individual_id: "1001"
    pin: "3141"
    email: ada@example.org
    phone: "+4712345678"
    claims: {name: Ada Example, birthdate: 1990-12-10, address: {country: "NO"}}
  - individual_id: "1002"
    pin: "2718"
ranges:
  - {first: "0900", count: 50, pin: "1111"}
  - {first: "9000000000", count: 100000000, pin: "2222"}
`

// clock is a time that tests move.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func silent() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func write(t testing.TB, name, text string) conf.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return conf.File(path)
}

// system returns a system whose outbox nobody empties, one for each "zone".
func system(t testing.TB, now func() time.Time) *System {
	t.Helper()
	config := &Config{
		Version: 1, Secret: write(t, "secret", strings.Repeat("s", 32)+"\n"), Persons: write(t, "persons.yaml", people),
	}
	loaded, err := load(config, newOutbox(config, silent(), now), now)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func TestAuthenticate(t *testing.T) {
	s := system(t, time.Now)
	for _, test := range []struct {
		name, id, challenge string
		factor              authenticator.Factor
		want                error
	}{
		{"the right PIN of a listed person", "1001", "3141", authenticator.PIN, nil},
		{"a wallet approves with the PIN", "1001", "3141", authenticator.Wallet, nil},
		{"another's PIN", "1001", "2718", authenticator.PIN, authenticator.ErrMismatch},
		{"a PIN is no code", "1001", "3141", authenticator.OTP, authenticator.ErrMismatch},
		{"the first of a range", "0900", "1111", authenticator.PIN, nil},
		{"the last of a range", "0949", "1111", authenticator.PIN, nil},
		{"one after the last of a range", "0950", "1111", authenticator.PIN, authenticator.ErrMismatch},
		{"the last of a large range", "9099999999", "2222", authenticator.PIN, nil},
		{"a range with another's PIN", "9000000001", "1111", authenticator.PIN, authenticator.ErrMismatch},
		{"fewer digits than the range has", "900", "1111", authenticator.PIN, authenticator.ErrMismatch},
		{"a sign is not a digit", "+900", "1111", authenticator.PIN, authenticator.ErrMismatch},
		{"nobody", "7", "1111", authenticator.PIN, authenticator.ErrMismatch},
		{"nobody with no PIN", "7", "", authenticator.PIN, authenticator.ErrMismatch},
		{"nobody at all", "", "", authenticator.PIN, authenticator.ErrMismatch},
		{"a factor of the future", "1001", "3141", "BIO", authenticator.ErrUnsupported},
	} {
		t.Run(test.name, func(t *testing.T) {
			reference, err := s.Authenticate(t.Context(), authenticator.Attempt{
				Transaction: "t", IndividualID: test.id, Factor: test.factor, Challenge: test.challenge,
			})
			if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
				t.Fatalf("error %v, want %v", err, test.want)
			}
			if (reference == "") != (err != nil) {
				t.Errorf("reference %q with error %v", reference, err)
			}
			if strings.Contains(reference, test.id) && err == nil {
				t.Errorf("reference %q shows the id", reference)
			}
		})
	}
}

func TestOneTimeCodes(t *testing.T) {
	time0 := &clock{time.Unix(1_800_000_000, 0)}
	here, there := system(t, time0.Now), system(t, time0.Now)
	code := func(id, transaction string) string {
		t.Helper()
		if _, err := here.SendOTP(t.Context(), transaction, id); err != nil {
			t.Fatal(err)
		}
		return (<-here.outbox.queue).Code
	}
	try := func(id, transaction, code string) error {
		_, err := there.Authenticate(t.Context(), authenticator.Attempt{
			Transaction: transaction, IndividualID: id, Factor: authenticator.OTP, Challenge: code,
		})
		return err
	}
	sent := code("1001", "login 1")
	if len(sent) != 6 {
		t.Errorf("code %q has not six digits", sent)
	}
	if again := code("1001", "login 1"); again != sent {
		t.Errorf("sent again: %q, first %q", again, sent)
	}
	for _, test := range []struct {
		name, id, transaction, code string
		after                       time.Duration
		right                       bool
	}{
		{"another zone accepts it", "1001", "login 1", sent, 0, true},
		{"it lives for its step at least", "1001", "login 1", sent, codeStep, true},
		{"it dies after two", "1001", "login 1", sent, 2 * codeStep, false},
		{"a zone whose clock is behind accepts it", "1001", "login 1", sent, -time.Minute, true},
		{"it is for one transaction", "1001", "login 2", sent, 0, false},
		{"it is for one person", "1002", "login 1", sent, 0, false},
		{"an empty one is none", "1001", "login 1", "", 0, false},
		{"one of another length is none", "1001", "login 1", sent + "0", 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			began := time0.now
			time0.now = began.Add(test.after)
			defer func() { time0.now = began }()
			if err := try(test.id, test.transaction, test.code); (err == nil) != test.right {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSendingTellsNobodyWhoExists(t *testing.T) {
	s := system(t, time.Now)
	for _, id := range []string{"1001", "1002", "9000000007", "nobody", ""} {
		first, err := s.SendOTP(t.Context(), "t", id)
		if err != nil {
			t.Fatalf("%q: %v", id, err)
		}
		if len(first.MaskedEmail) != len("a***@***") || len(first.MaskedPhone) != len("***12") {
			t.Errorf("%q: mask %+v has a form of its own", id, first)
		}
		if again, _ := s.SendOTP(t.Context(), "t", id); *again != *first {
			t.Errorf("%q: mask changes: it is made up", id)
		}
	}
	if got := len(s.outbox.queue); got != 6 { // twice to each of the three that exist
		t.Errorf("%d codes on their way", got)
	}
}

func TestClaims(t *testing.T) {
	s := system(t, time.Now)
	read := func(id string, names ...string) map[string]any {
		t.Helper()
		claims, err := s.Claims(t.Context(), s.keys.reference(id), names)
		if err != nil {
			t.Fatalf("claims of %s: %v", id, err)
		}
		return claims
	}
	ada := read("1001", "name", "birthdate", "email", "phone_number", "nickname", "name")
	if len(ada) != 4 || ada["name"] != "Ada Example" || ada["birthdate"] != "1990-12-10" || ada["email"] != "ada@example.org" {
		t.Errorf("claims %v", ada)
	}
	if bare := read("1002", "email", "email_verified", "phone_number", "name"); len(bare) != 0 {
		t.Errorf("a person of whom nothing is known has %v", bare)
	}
	one, other := read("9000000001", "name", "portrait"), read("9000000002", "name", "portrait")
	if one["name"] == other["name"] || one["portrait"] == other["portrait"] {
		t.Error("two persons of a range are the same")
	}
	again := system(t, time.Now)
	if drawn, err := again.gallery.portrait("9000000001"); err != nil || drawn != one["portrait"] {
		t.Errorf("another zone draws another portrait: %v", err)
	}
	if picture := read("9000000001", "picture")["picture"]; picture != "data:image/jpeg;base64,"+one["portrait"].(string) {
		t.Errorf("picture %.40v is not the portrait as a URL", picture)
	}
	photograph, err := base64.StdEncoding.DecodeString(one["portrait"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jpeg.Decode(bytes.NewReader(photograph)); err != nil || len(photograph) > 8<<10 {
		t.Errorf("portrait of %d bytes: %v", len(photograph), err)
	}
}

func TestReferences(t *testing.T) {
	s := system(t, time.Now)
	if s.keys.reference("1001") != system(t, time.Now).keys.reference("1001") {
		t.Error("two zones disagree")
	}
	for _, forged := range []string{"", "1001", "AAAA", s.keys.reference("1001") + "A", s.keys.reference("nobody")} {
		if _, err := s.Claims(t.Context(), forged, nil); !errors.Is(err, authenticator.ErrUnknown) {
			t.Errorf("claims of %q: %v", forged, err)
		}
	}
	reference := []byte(s.keys.reference("1001"))
	for i := range reference {
		changed := bytes.Clone(reference)
		changed[i] ^= 1
		if id, known := s.keys.individual(string(changed)); known {
			t.Errorf("changed reference %s is %q", changed, id)
		}
	}
}

func FuzzReference(f *testing.F) {
	derived, err := deriveKeys([]byte(strings.Repeat("s", 32)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("1001")
	f.Add(derived.reference("1001"))
	f.Fuzz(func(t *testing.T, text string) {
		if id, known := derived.individual(text); known && derived.reference(id) != text {
			t.Errorf("%q is another reference of %q", text, id)
		}
		if len(text) <= maxID {
			if id, known := derived.individual(derived.reference(text)); !known || id != text {
				t.Errorf("%q comes back as %q", text, id)
			}
		}
	})
}

func BenchmarkPIN(b *testing.B) {
	s := system(b, time.Now)
	for b.Loop() {
		if _, err := s.Authenticate(b.Context(), authenticator.Attempt{IndividualID: "9000000001", Factor: authenticator.PIN, Challenge: "2222"}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPortrait(b *testing.B) {
	for b.Loop() {
		if _, err := draw("1001"); err != nil {
			b.Fatal(err)
		}
	}
}

func TestGalleryIsBounded(t *testing.T) {
	g := gallery{drawn: map[string]string{}}
	for i := range maxDrawn {
		g.drawn[strconv.Itoa(i)] = "x"
	}
	if _, err := g.portrait("one more"); err != nil || len(g.drawn) > maxDrawn {
		t.Errorf("%d portraits are kept, %v", len(g.drawn), err)
	}
}
