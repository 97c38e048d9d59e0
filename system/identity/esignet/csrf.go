package esignet

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"net/http"
)

// The CSRF token is a double-submit cookie, as Spring Security makes it: a page
// of another origin can send the cookie, but not read it into the header.
const (
	csrfCookie = "XSRF-TOKEN"
	csrfHeader = "X-XSRF-TOKEN"
	// minCSRF is shorter than any token given out here, in characters.
	minCSRF, maxCSRF = 20, 64
)

func (s *Surface) csrfToken(w http.ResponseWriter, r *http.Request) {
	text := rand.Text()
	if cookie, err := r.Cookie(csrfCookie); err == nil && isCSRF(cookie.Value) {
		text = cookie.Value // so that pages in two tabs do not disturb each other
	}
	// Not HttpOnly: the page has to read it.
	http.SetCookie(w, &http.Cookie{Name: csrfCookie, Value: text, Path: "/", Secure: true, SameSite: http.SameSiteLaxMode})
	body, err := json.Marshal(struct {
		Header    string `json:"headerName"`
		Parameter string `json:"parameterName"`
		Token     string `json:"token"`
	}{csrfHeader, "_csrf", text})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if _, err := w.Write(body); err != nil {
		s.config.Log.DebugContext(r.Context(), "write answer", "error", err)
	}
}

func isCSRF(text string) bool { return len(text) >= minCSRF && len(text) <= maxCSRF }

// sameSite reports whether header and cookie agree.
func sameSite(r *http.Request) bool {
	cookies := r.CookiesNamed(csrfCookie)
	if len(cookies) != 1 || !isCSRF(cookies[0].Value) {
		return false // of two cookies, one may be planted by a sibling domain
	}
	return subtle.ConstantTimeCompare([]byte(cookies[0].Value), []byte(r.Header.Get(csrfHeader))) == 1
}
