package headers

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// judgeCookies judges every cookie that an answer sets (RFC 6265bis, section
// 4.1). Only names are reported: values are secrets.
func judgeCookies(limits Limits, a answer) []string {
	var wrong []string
	for _, line := range a.header.Values("Set-Cookie") {
		cookie, err := http.ParseSetCookie(line)
		if err != nil {
			wrong = append(wrong, "sets a cookie that browsers cannot read")
			continue
		}
		if isRemoval(cookie) {
			continue
		}
		for _, why := range judgeCookie(limits, cookie) {
			wrong = append(wrong, fmt.Sprintf("of %s %s", cookie.Name, why))
		}
	}
	return wrong
}

// isRemoval reports whether the cookie is taken away rather than set: there is
// nothing left to protect.
func isRemoval(cookie *http.Cookie) bool {
	return cookie.MaxAge < 0 || cookie.Value == "" || !cookie.Expires.IsZero() && cookie.Expires.Before(time.Unix(86400, 0))
}

func judgeCookie(limits Limits, cookie *http.Cookie) []string {
	var wrong []string
	if !cookie.Secure {
		wrong = append(wrong, "lacks Secure")
	}
	if !cookie.HttpOnly && !limits.ScriptCookie(cookie.Name) {
		wrong = append(wrong, "lacks HttpOnly")
	}
	switch cookie.SameSite {
	case http.SameSiteLaxMode, http.SameSiteStrictMode:
	case http.SameSiteNoneMode:
		wrong = append(wrong, "has SameSite=None, so other sites' requests carry it")
	default:
		wrong = append(wrong, "lacks SameSite")
	}
	switch {
	case strings.HasPrefix(cookie.Name, "__Host-") && (!cookie.Secure || cookie.Domain != "" || cookie.Path != "/"):
		wrong = append(wrong, "is dropped by browsers: __Host- needs Secure, Path=/ and no Domain")
	case strings.HasPrefix(cookie.Name, "__Secure-") && !cookie.Secure:
		wrong = append(wrong, "is dropped by browsers: __Secure- needs Secure")
	}
	return wrong
}
