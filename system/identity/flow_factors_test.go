package identity_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// letter is one one-time code on its way to a person.
type letter struct {
	Person string    `json:"individual_id"`
	Code   string    `json:"code"`
	Sent   time.Time `json:"sent"`
}

// lettersTo reads the outbox, to which the mock ID system writes behind its
// answers.
func lettersTo(t testing.TB, individualID string) []letter {
	t.Helper()
	file, err := os.Open(shared.rig.Outbox())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // it is only read
	var found []letter
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var one letter
		if json.Unmarshal(lines.Bytes(), &one) == nil && one.Person == individualID { // the last line may be half written
			found = append(found, one)
		}
	}
	return found
}

// newLetter waits for a letter after known ones and returns its code.
func newLetter(t testing.TB, individualID string, known int) string {
	t.Helper()
	var letters []letter
	arrived := func() error {
		if letters = lettersTo(t, individualID); len(letters) <= known {
			return errors.New("no one-time code has arrived")
		}
		return nil
	}
	if err := await(t.Context(), 5*time.Second, arrived); err != nil {
		t.Fatal(err)
	}
	return letters[len(letters)-1].Code
}

// byOTP logs in from the page that asks whom to send a code.
func (b *browser) byOTP(page *document, individualID string) *document {
	b.t.Helper()
	known := len(lettersTo(b.t, individualID))
	page = b.submit(page, map[string]string{"individual_id": individualID})
	code := newLetter(b.t, individualID, known)
	seen := b.submit(page, map[string]string{"otp": code})
	if seen.location != "" || !strings.HasSuffix(seen.action, "/consent") {
		return seen
	}
	return b.submit(seen, map[string]string{"decision": "allow"})
}

func TestLoginByOneTimeCode(t *testing.T) {
	t.Parallel()
	p, b := newParty(t, clientID), newBrowser(t)
	a := p.ask("openid profile")
	page := b.get(a.at(there()))
	page = b.get(page.url.String() + "&by=otp")
	sent := b.submit(page, map[string]string{"individual_id": "2000000150"})
	if sent.status != http.StatusOK || !sent.fields.Has("otp") || !strings.Contains(sent.body, "***") {
		t.Fatalf("page for the code: %d %.400s", sent.status, sent.body)
	}
	code := newLetter(t, "2000000150", 0)
	if wrong := b.submit(sent, map[string]string{"otp": "000000"}); wrong.status != http.StatusUnprocessableEntity || code == "000000" {
		t.Errorf("a wrong code: %d %.300s", wrong.status, wrong.body)
	}
	foreign := b.submit(sent, map[string]string{"individual_id": "2000000151", "otp": code})
	if foreign.status != http.StatusUnprocessableEntity {
		t.Errorf("another person's code: %d %.300s", foreign.status, foreign.body)
	}
	elsewhere := newBrowser(t)
	login := elsewhere.get(p.ask("openid").at(here()))
	if stolen := elsewhere.submit(login, map[string]string{"individual_id": "2000000150", "pin": code}); stolen.status != http.StatusUnprocessableEntity {
		t.Errorf("the code as PIN: %d", stolen.status)
	}
	consent := b.submit(sent, map[string]string{"otp": code})
	got := a.redeemed(here(), a.code(b.submit(consent, map[string]string{"decision": "allow"})))
	if told := claims(t, got.ID); told["acr"] != acrOTP {
		t.Errorf("acr %v", told["acr"])
	}
}

func TestAnUnknownPersonIsToldTheSameAndGetsNoLetter(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	page := b.get(newParty(t, clientID).ask("openid", "acr_values", acrOTP).at(here()))
	sent := b.submit(page, map[string]string{"individual_id": "7777777777"})
	if sent.status != http.StatusOK || !sent.fields.Has("otp") {
		t.Errorf("page for the code: %d %.300s", sent.status, sent.body)
	}
	b.byOTP(b.get(newParty(t, clientID).ask("openid", "acr_values", acrOTP).at(here())), "2000000152") // letters keep their order
	if letters := lettersTo(t, "7777777777"); len(letters) > 0 {
		t.Errorf("sent %v", letters)
	}
}

// linkCode is what a page shows for wallets.
var linkCode = regexp.MustCompile(`<code dir="ltr">([A-Z0-9 ]+)</code>`)

func TestLoginByAWalletInAnotherBrowser(t *testing.T) {
	t.Parallel()
	p, b, phone := newParty(t, clientID), newBrowser(t), newBrowser(t)
	a := p.ask("openid profile")
	page := b.get(b.get(a.at(here())).url.String() + "&by=wallet")
	shown := linkCode.FindStringSubmatch(page.body)
	if page.status != http.StatusOK || shown == nil || !strings.Contains(page.body, "<svg") {
		t.Fatalf("page for the wallet: %d %.400s", page.status, page.body)
	}
	poll := strings.Replace(page.url.String(), "/ui/login?", "/ui/login/wallet?", 1)
	if waiting := b.get(poll); waiting.status != http.StatusOK || strings.Contains(waiting.body, "location") || strings.Contains(waiting.body, "again") {
		t.Errorf("before the wallet has answered: %d %s", waiting.status, waiting.body)
	}
	view := phone.get(there() + "/ui/wallet?code=" + strings.ReplaceAll(shown[1], " ", ""))
	if view.status != http.StatusOK || !strings.Contains(view.body, "Tax Office") {
		t.Fatalf("what the wallet shows: %d %.300s", view.status, view.body)
	}
	wrong := phone.submit(view, map[string]string{"decision": "approve", "individual_id": "2000000153", "pin": "0000"})
	if wrong.status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong PIN: %d %.300s", wrong.status, wrong.body)
	}
	done := phone.submit(view, map[string]string{"decision": "approve", "individual_id": "2000000153", "pin": pin})
	if done.status != http.StatusOK || !strings.Contains(done.body, "Approved") {
		t.Fatalf("approval: %d %.400s", done.status, done.body)
	}
	var told struct{ Location string }
	decode(t, b.get(poll), &told)
	if !strings.HasPrefix(told.Location, "/ui/consent?") {
		t.Fatalf("after the approval the page is told %q", told.Location)
	}
	seen := b.submit(b.get(there()+told.Location), map[string]string{"decision": "allow"})
	got := claims(t, a.redeemed(there(), a.code(seen)).ID)
	pinned := claims(t, p.obtain("openid", "2000000153").ID)
	if got["acr"] != acrWallet || got["sub"] != pinned["sub"] {
		t.Errorf("acr %v, sub %v, want that of %v", got["acr"], got["sub"], pinned["sub"])
	}
	later := phone.submit(view, map[string]string{"decision": "approve", "individual_id": "2000000154", "pin": pin})
	if strings.Contains(later.body, "Approved") {
		t.Error("somebody else approves the same login")
	}
}

func TestFiveWrongPINsLockInBothZones(t *testing.T) {
	t.Parallel()
	p, b := newParty(t, clientID), newBrowser(t)
	page := b.get(p.ask("openid").at(here()))
	for i := range 5 {
		page.url.Host = strings.TrimPrefix(gateways()[i%2], "https://")
		if seen := b.submit(page, map[string]string{"individual_id": "2000000155", "pin": "0000"}); seen.status != http.StatusUnprocessableEntity {
			t.Fatalf("wrong PIN %d: %d %.300s", i, seen.status, seen.body)
		}
	}
	for _, gateway := range gateways() {
		page.url.Host = strings.TrimPrefix(gateway, "https://")
		if seen := b.submit(page, map[string]string{"individual_id": "2000000155", "pin": pin}); seen.status != http.StatusForbidden || !strings.Contains(seen.body, "IDP-4032") {
			t.Errorf("the right one afterwards: %d %.300s", seen.status, seen.body)
		}
	}
	// One login is locked and not the person: else anybody could lock anybody.
	fresh := newBrowser(t)
	again := p.ask("openid")
	again.code(fresh.logIn(fresh.get(again.at(there())), "2000000155"))
	// Unless the guessing goes on.
	for i := range 5 {
		login := fresh.get(p.ask("openid", "prompt", "login").at(gateways()[i%2]))
		fresh.submit(login, map[string]string{"individual_id": "2000000155", "pin": fmt.Sprint(1000 + i)})
	}
	login := newBrowser(t)
	if seen := login.submit(login.get(p.ask("openid").at(there())), map[string]string{"individual_id": "2000000155", "pin": pin}); seen.status != http.StatusForbidden {
		t.Errorf("after ten wrong ones in several logins: %d %.300s", seen.status, seen.body)
	}
}
