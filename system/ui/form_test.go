package ui

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/system/identity/transaction"
)

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

func newRequest(t testing.TB, address string) *http.Request {
	t.Helper()
	return httptest.NewRequest(http.MethodGet, address, nil)
}

// FuzzForms: whatever is posted, the answer is one that people can be shown,
// and never a fault of ours.
func FuzzForms(f *testing.F) {
	form := "tx=" + tx + "&csrf=" + token("browser", "tx", tx)
	for _, body := range []string{
		form + "&individual_id=1&pin=1", form + "&decision=allow&claims=a&claims=b", form + "&otp=%00&masked_email=%ff",
		"tx=%zz", "a;b", strings.Repeat("claims=a&", 100) + form + "&decision=allow",
	} {
		f.Add("/ui/login", body)
		f.Add("/ui/login/otp", body)
		f.Add("/ui/consent", body)
		f.Add("/ui/wallet", body)
	}
	handler := newPages(f, newUpstream()).handler(prometheus.NewRegistry())
	f.Fuzz(func(t *testing.T, path, body string) {
		if !strings.HasPrefix(path, "/ui/") || strings.ContainsAny(path, " \x00\r\n%?#") {
			t.Skip()
		}
		r, err := http.NewRequest(http.MethodPost, "https://id.example"+path, strings.NewReader(body))
		if err != nil {
			t.Skip()
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(&http.Cookie{Name: browserCookie, Value: "browser"})
		r.AddCookie(&http.Cookie{Name: transaction.CookiePrefix + tx, Value: "state1"})
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s with %q answered %d", path, body, w.Code)
		}
	})
}

// BenchmarkLoginPage is one page with its question to the provider over HTTPS.
func BenchmarkLoginPage(b *testing.B) {
	p := newPages(b, newUpstream())
	r := newRequest(b, "/ui/login?tx="+tx)
	r.AddCookie(&http.Cookie{Name: browserCookie, Value: "browser"})
	r.AddCookie(&http.Cookie{Name: transaction.CookiePrefix + tx, Value: "state1"})
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		p.showLogin(w, r)
		if w.Code != http.StatusOK {
			b.Fatalf("answered %d", w.Code)
		}
	}
}
