package page

import (
	"net/http"
	"net/url"
	"strings"
)

// Harden sets the headers that every answer has, pages and files alike. A
// window that opened a login cannot hold on to it (COOP), and no other site
// can load what is here (CORP).
func Harden(header http.Header) {
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "same-origin") // addresses name the transaction
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
}

// policy is the content security policy of a page: nothing but our own style,
// images and, where the page has one, script, and forms that end here or at
// target.
func policy(target string, script bool) string {
	if !isSource(target) {
		target = ""
	}
	var scripts string
	if script {
		scripts = "script-src 'self'; connect-src 'self'; "
	}
	return "default-src 'none'; " + scripts + "style-src 'self'; img-src 'self'; form-action " +
		strings.TrimSpace("'self' "+target) + "; frame-ancestors 'none'; base-uri 'none'"
}

// isSource reports whether target is one source expression (CSP Level 3,
// 2.3.1) and can be nothing else: an origin, or a scheme with its colon.
func isSource(target string) bool {
	parsed, err := url.Parse(target)
	return err == nil && parsed.Scheme != "" && !strings.ContainsAny(target, "; ,'*\t\r\n")
}
