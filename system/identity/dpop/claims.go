package dpop

import (
	"net/url"
	"strings"
	"time"

	"tocsin/system/identity/compact"
)

// claims of a proof (RFC 9449, 4.2). Others are ignored.
type claims struct {
	jti, htm, htu, ath, nonce string
	iat, nbf, exp             time.Time
}

func read(payload []byte) (*claims, error) {
	stated := &claims{}
	err := compact.Members(payload, func(name string, value []byte) (err error) {
		switch name {
		case "jti":
			stated.jti, err = compact.String(value)
		case "htm":
			stated.htm, err = compact.String(value)
		case "htu":
			stated.htu, err = compact.String(value)
		case "ath":
			stated.ath, err = compact.String(value)
		case "nonce":
			stated.nonce, err = compact.String(value)
		case "iat":
			stated.iat, err = compact.Time(value)
		case "nbf":
			stated.nbf, err = compact.Time(value)
		case "exp":
			stated.exp, err = compact.Time(value)
		}
		return err
	})
	return stated, err
}

// sameTarget reports whether htu names the address of a request to target under
// base, whatever the queries and fragments (RFC 9449, 4.3, 9). Most clients
// write it as we do; only others cost a normalisation.
func sameTarget(htu, base string, target *url.URL) bool {
	if end := strings.IndexAny(htu, "?#"); end >= 0 {
		htu = htu[:end]
	}
	path := target.EscapedPath()
	if len(htu) == len(base)+len(path) && strings.HasPrefix(htu, base) && htu[len(base):] == path {
		return true
	}
	stated, stands := normal(htu)
	actual, is := normal(base + path)
	return stands && is && stated == actual
}

// normal returns an address in the form of RFC 3986, 6.2.2 and 6.2.3.
func normal(address string) (string, bool) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" || parsed.User != nil {
		return "", false
	}
	scheme, host := strings.ToLower(parsed.Scheme), strings.ToLower(parsed.Host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	default:
		return "", false
	}
	segments := []string{}
	for segment := range strings.SplitSeq(strings.TrimPrefix(parsed.EscapedPath(), "/"), "/") {
		plain, err := url.PathUnescape(segment)
		switch {
		case err != nil:
			return "", false
		case segment == ".":
		case segment == "..":
			segments = segments[:max(0, len(segments)-1)]
		default:
			segments = append(segments, url.PathEscape(plain))
		}
	}
	return scheme + "://" + host + "/" + strings.Join(segments, "/"), true
}
