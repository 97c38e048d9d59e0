package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// secretWords are parts of the names of headers and JSON members that carry
// secrets.
var secretWords = []string{
	"auth", "cookie", "token", "secret", "password", "passwd", "dpop", "csrf", "xsrf", "nonce", "session",
	"assertion", "otp", "challenge", "credential", "proof", "signature", "apikey", "api-key", "api_key", "oauth-details",
}

// plainNames are exceptions to secretWords that say how something works.
var plainNames = map[string]bool{
	"www-authenticate": true, "token_type": true, "token_endpoint": true, "authorization_endpoint": true,
	"token_endpoint_auth_methods_supported": true, "token_endpoint_auth_signing_alg_values_supported": true,
	"authorization_servers": true, "credential_configurations_supported": true, "credential_issuer": true, "credential_endpoint": true,
	"nonce_endpoint": true, "code_challenge_methods_supported": true, "introspection_endpoint": true, "proof_types_supported": true,
}

// secretMembers are names of JSON members that are secret as a whole word.
var secretMembers = map[string]bool{
	"code": true, "pin": true, "state": true, "jwt": true, "d": true, "p": true, "q": true, "dp": true, "dq": true, "qi": true, "k": true,
	"tx_code": true, "transactionid": true, "linkcode": true, "request_uri": true, "device_code": true, "user_code": true, "id_token_hint": true,
}

func secretName(name string) bool {
	name = strings.ToLower(name)
	if plainNames[name] || strings.HasSuffix(name, "_supported") || strings.HasSuffix(name, "_endpoint") {
		return false
	}
	return secretMembers[name] || slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(name, word) })
}

// field is one header.
type field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// headers takes secrets out of headers and sorts them.
func (r *Redactor) headers(header http.Header) []field {
	fields := make([]field, 0, len(header))
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			fields = append(fields, field{name, r.header(name, value)})
		}
	}
	return fields
}

func (r *Redactor) header(name, value string) string {
	switch strings.ToLower(name) {
	case "set-cookie":
		cookie, attributes, _ := strings.Cut(value, ";")
		key, secret, _ := strings.Cut(cookie, "=")
		return strings.TrimSuffix(key+"="+redacted(secret)+";"+r.Text(attributes), ";")
	case "location", "referer", "origin":
		return r.URL(value)
	case "traceparent", "x-synthetic-run", "date", "expires", "last-modified", "etag", "content-length":
		return value
	}
	if secretName(name) {
		return redacted(value)
	}
	return r.Text(value)
}

// body takes secrets out of a body, by what its media type says it is. What is
// no text is only named.
func (r *Redactor) body(contentType string, body []byte) string {
	if len(body) == 0 {
		return ""
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		media = ""
	}
	switch {
	case media == "application/x-www-form-urlencoded":
		return r.form(string(body))
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		return r.json(body)
	case !utf8.Valid(body):
		return fmt.Sprintf("[%d bytes of %s]", len(body), orNone(media))
	}
	return r.Text(inputValue.ReplaceAllStringFunc(string(body), func(found string) string {
		part := inputValue.FindStringSubmatch(found)
		return part[1] + `"` + redacted(strings.Trim(part[2], `"'`)) + `"`
	}))
}

// json takes secrets out of the members of a JSON text. One that was cut, or
// is none, is treated as any text.
func (r *Redactor) json(body []byte) string {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return r.Text(string(body))
	}
	clean, err := json.MarshalIndent(r.member("", value), "", "  ")
	if err != nil {
		return redacted(string(body))
	}
	return r.known.Replace(string(clean))
}

// publicKeyMembers of a JWK (RFC 7518, section 6) look random and are not
// secret.
var publicKeyMembers = map[string]bool{"kid": true, "n": true, "e": true, "x": true, "y": true, "x5t": true, "x5t#s256": true, "x5c": true}

func (r *Redactor) member(name string, value any) any {
	switch typed := value.(type) {
	case map[string]any:
		for key, inner := range typed {
			typed[key] = r.member(key, inner)
		}
		return typed
	case []any:
		for index, inner := range typed {
			typed[index] = r.member(name, inner)
		}
		return typed
	case string:
		if secretName(name) {
			return redacted(typed)
		}
		if publicKeyMembers[strings.ToLower(name)] {
			return r.known.Replace(typed)
		}
		return r.Text(typed)
	case json.Number:
		if secretName(name) {
			return "[redacted]"
		}
	}
	return value
}
