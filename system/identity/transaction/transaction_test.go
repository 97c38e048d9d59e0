package transaction

import (
	"net/url"
	"strings"
	"testing"

	"tocsin/system/identity/secret"
)

func keys(t testing.TB) *secret.Keys {
	t.Helper()
	derived, err := secret.Derive([]byte(strings.Repeat("pepper", 8)))
	if err != nil {
		t.Fatal(err)
	}
	return derived
}

func TestCallbackKeepsTheQueryOfTheRedirectURI(t *testing.T) {
	for redirect, want := range map[string]string{
		"https://c/cb":     "https://c/cb?code=x&iss=https%3A%2F%2Fop&state=s",
		"https://c/cb?a=b": "https://c/cb?a=b&code=x&iss=https%3A%2F%2Fop&state=s",
	} {
		if got := Callback(redirect, "s", "https://op", url.Values{"code": {"x"}}); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestTransactionIsBoundToItsBrowser(t *testing.T) {
	opened := &Transaction{Binder: Bind("cookie")}
	if !opened.BoundTo("cookie") || opened.BoundTo("other") || opened.BoundTo("") {
		t.Error("binding does not tell browsers apart")
	}
}

func TestBackLink(t *testing.T) {
	sealed := SealBack(keys(t), "tx1", &Transaction{RedirectURI: "https://c/cb", State: "s"}, "https://op")
	if got := OpenBack(keys(t), "tx1", sealed); !strings.HasPrefix(got, "https://c/cb?error=temporarily_unavailable") {
		t.Errorf("opened %q", got)
	}
	if got := OpenBack(keys(t), "tx2", sealed); got != "" {
		t.Errorf("another transaction's link opened: %q", got)
	}
}

func FuzzOpenBack(f *testing.F) {
	known := keys(f)
	good := SealBack(known, "tx", &Transaction{RedirectURI: "https://c/cb"}, "https://op")
	f.Add(good)
	f.Add("dHggaHR0cHM6Ly9ldmls.AAAA")
	f.Add(".")
	f.Fuzz(func(t *testing.T, sealed string) {
		if got := OpenBack(known, "tx", sealed); got != "" && !strings.HasPrefix(got, "https://c/cb?") {
			t.Errorf("a link nobody sealed opened: %q", got)
		}
	})
}
