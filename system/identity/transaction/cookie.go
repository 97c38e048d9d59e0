package transaction

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// CookiePrefix and a transaction's id are the name of its cookie. Each login
// has its own, so that two tabs do not disturb each other. The __Host- prefix
// makes browsers refuse a cookie that a sibling domain planted.
const CookiePrefix = "__Host-tx-"

const (
	// maxKept is how many logins one browser may have open. All of their
	// cookies come with every request, and proxies refuse headers beyond 16 KiB.
	maxKept = 3
	// afterlife is how long the cookie of an expired login stays, to lead back
	// to the client.
	afterlife = time.Hour
	// idLength is that of NewID.
	idLength = 24
)

// Cookie returns the cookie of transaction id with its sealed value; life is
// how long the login may still take.
func Cookie(id, sealed string, life time.Duration) *http.Cookie {
	return cookie(CookiePrefix+id, sealed, int((life+afterlife)/time.Second))
}

// Forget returns the cookie that removes the one of transaction id.
func Forget(id string) *http.Cookie { return cookie(CookiePrefix+id, "", -1) }

// No script, no foreign form post and no plain connection sees the cookie.
func cookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// Surplus returns the ids of the oldest logins in the cookies of r that have to
// go so that one more fits.
func Surplus(r *http.Request) []string {
	var ids []string
	for _, c := range r.Cookies() {
		if id, ours := strings.CutPrefix(c.Name, CookiePrefix); ours && ValidID(id) {
			ids = append(ids, id)
		}
	}
	if len(ids) < maxKept {
		return nil
	}
	slices.Sort(ids) // ids begin with the time
	return ids[:len(ids)-maxKept+1]
}

// ValidID reports whether text can be an id: it becomes part of the name of a
// cookie.
func ValidID(text string) bool {
	if len(text) != idLength {
		return false
	}
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}
