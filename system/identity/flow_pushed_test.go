package identity_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

func TestAPushedRequestIsUsedInTheOtherZoneAndNeverAgain(t *testing.T) {
	t.Parallel()
	p, b := proving(t, "fapi"), newBrowser(t)
	a := p.ask("openid profile").push(here())
	first := b.get(a.at(there()))
	again := b.get(a.at(here())) // reloaded: the first page is still good
	if first.status != http.StatusOK || again.status != http.StatusOK {
		t.Fatalf("visits before it is completed: %d %.200s, %d %.200s", first.status, first.body, again.status, again.body)
	}
	got := a.redeemed(there(), a.code(b.logIn(again, "2000000120")))
	if got.Type != "DPoP" {
		t.Errorf("a %s token", got.Type)
	}
	stranger := newBrowser(t)
	for name, seen := range map[string]*document{
		"visited again here":         b.get(a.at(here())),
		"visited again there":        b.get(a.at(there())),
		"the page that stayed open":  b.logIn(first, "2000000120"),
		"visited by another browser": stranger.logIn(stranger.get(a.at(there())), "2000000120"),
	} {
		if told := a.callback(seen); told.Get("code") != "" || told.Get("error") != "invalid_request_uri" {
			t.Errorf("%s: %s", name, seen.location)
		}
	}
}

func TestAPushedRequestIsOfItsClient(t *testing.T) {
	t.Parallel()
	p, b := proving(t, "fapi"), newBrowser(t)
	pushed := p.ask("openid").push(there())
	uri := pushed.values.Get("request_uri")
	for name, values := range map[string]url.Values{
		"another client": {"client_id": {"other"}, "request_uri": {uri}},
		"a changed one":  {"client_id": {"fapi"}, "request_uri": {uri + "x"}},
		"an unknown one": {"client_id": {"fapi"}, "request_uri": {"urn:ietf:params:oauth:request_uri:x"}},
		"a foreign one":  {"client_id": {"fapi"}, "request_uri": {"https://evil.example/"}},
	} {
		if seen := b.get(here() + "/authorize?" + values.Encode()); seen.status != http.StatusBadRequest || seen.location != "" {
			t.Errorf("%s: %d %q %.300s", name, seen.status, seen.location, seen.body)
		}
	}
	with(pushed.values, "redirect_uri", "https://evil.example/", "scope", "openid email")
	if beside := b.get(pushed.at(here())); beside.status != http.StatusOK || !strings.Contains(beside.body, "Tax Office") {
		t.Errorf("parameters beside it: %d %.300s", beside.status, beside.body)
	}
	direct := p.ask("openid")
	if told := direct.callback(b.get(direct.at(there()))); told.Get("error") != "invalid_request" {
		t.Errorf("a client that has to push did not: %v", told)
	}
}

func TestFiftyCompletionsOfOnePushedRequestGiveOneCode(t *testing.T) {
	t.Parallel()
	p, b := proving(t, "fapi"), newBrowser(t)
	known := p.ask("openid profile").push(here())
	known.redeemed(here(), known.code(b.logIn(b.get(known.at(here())), "2000000121")))

	a := p.ask("openid profile").push(there())
	seen := make([]*document, 50)
	var group sync.WaitGroup
	for i := range seen {
		group.Go(func() { seen[i] = b.get(a.at(gateways()[i%2])) })
	}
	group.Wait()
	redeemed := 0
	for _, one := range seen {
		if one.status == http.StatusServiceUnavailable {
			continue
		}
		told := a.callback(one)
		if told.Get("code") == "" {
			if told.Get("error") != "invalid_request_uri" {
				t.Errorf("%s", one.location)
			}
			continue
		}
		if got := a.redeem(here(), told.Get("code")); got.Access != "" {
			redeemed++
		}
	}
	if redeemed != 1 {
		t.Errorf("%d codes of one pushed request could be redeemed", redeemed)
	}
}
