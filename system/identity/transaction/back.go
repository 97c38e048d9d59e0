package transaction

import (
	"crypto/hmac"
	"encoding/base64"
	"net/url"
	"strings"

	"tocsin/system/identity/secret"
)

// SealBack returns a cookie value that can lead the browser back to the client
// after transaction id is lost. It is proven, because otherwise anybody could
// make this provider redirect anywhere.
func SealBack(keys *secret.Keys, id string, t *Transaction, issuer string) string {
	answer := url.Values{
		"error":             {"temporarily_unavailable"},
		"error_description": {"the login was interrupted; start again"},
	}
	link := id + " " + t.Callback(issuer, answer)
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(link)) + "." + encode(keys.Back(link))
}

// OpenBack returns the link in a sealed cookie if it is about transaction id,
// or "".
func OpenBack(keys *secret.Keys, id, sealed string) string {
	encodedLink, encodedProof, found := strings.Cut(sealed, ".")
	if !found {
		return ""
	}
	link, err := base64.RawURLEncoding.DecodeString(encodedLink)
	if err != nil {
		return ""
	}
	proof, err := base64.RawURLEncoding.DecodeString(encodedProof)
	if err != nil || !hmac.Equal(proof, keys.Back(string(link))) {
		return ""
	}
	about, target, _ := strings.Cut(string(link), " ")
	if about != id {
		return ""
	}
	return target
}
