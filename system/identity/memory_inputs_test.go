package identity_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
	jwtType  = "application/jwt"
)

// bodies are the nastiest that no endpoint should do much for.
func bodies() map[string]struct{ kind, text string } {
	numbered := &strings.Builder{}
	for i := range 7000 {
		fmt.Fprintf(numbered, "p%d=%d&", i, i)
	}
	members := &strings.Builder{}
	for i := range 6000 {
		fmt.Fprintf(members, `"m%d":%d,`, i, i)
	}
	return map[string]struct{ kind, text string }{
		"one huge parameter":            {formType, "client_assertion=" + strings.Repeat("A", 64<<10-64)},
		"a huge name":                   {formType, strings.Repeat("A", 64<<10-64) + "=x"},
		"one parameter 20000 times":     {formType, strings.Repeat("a=&", 20000)},
		"7000 parameters":               {formType, numbered.String()},
		"nothing but separators":        {formType, strings.Repeat("&", 64<<10-1)},
		"nothing but escapes":           {formType, "scope=" + strings.Repeat("%20", 21000)},
		"a broken escape":               {formType, "scope=" + strings.Repeat("%2", 30000)},
		"deep arrays":                   {jsonType, strings.Repeat("[", 128<<10-1)},
		"deep arrays in an object":      {jsonType, `{"request":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "}"},
		"deep objects":                  {jsonType, strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000)},
		"6000 members":                  {jsonType, "{" + members.String() + `"z":1}`},
		"60000 numbers":                 {jsonType, `{"proofs":{"jwt":[` + strings.Repeat("1,", 60000) + "1]}}"},
		"40000 empty proofs":            {jsonType, `{"credential_configuration_id":"national_id_sd_jwt","proofs":{"jwt":[` + strings.Repeat(`"",`, 40000) + `""]}}`},
		"a proof of nothing but dots":   {jsonType, `{"credential_configuration_id":"national_id_sd_jwt","proofs":{"jwt":["` + strings.Repeat(".", 100000) + `"]}}`},
		"a huge string":                 {jsonType, `{"request":"` + strings.Repeat("x", 127<<10) + `"}`},
		"a string of escapes":           {jsonType, `{"request":"` + strings.Repeat(`\u0000`, 20000) + `"}`},
		"a number of 100000 digits":     {jsonType, `{"request":` + strings.Repeat("9", 100000) + "}"},
		"white space":                   {jsonType, strings.Repeat(" ", 127<<10)},
		"a JWT of dots":                 {jwtType, strings.Repeat(".", 127<<10)},
		"a JWT with a huge header":      {jwtType, strings.Repeat("A", 127<<10) + "....A"},
		"a form of 1 MB":                {formType, "scope=" + strings.Repeat("x", 1<<20)},
		"JSON of 1 MB":                  {jsonType, `{"a":"` + strings.Repeat("x", 1<<20) + `"}`},
		"JSON of 1 MB, nothing but [":   {jsonType, strings.Repeat("[", 1<<20)},
		"1 MB of a type nobody knows":   {"multipart/form-data; boundary=x", strings.Repeat("--x\r\n\r\n", 1<<17)},
		"a type with 300 parameters":    {formType + strings.Repeat("; a*0*=b", 300), "a=b"},
		"an empty one":                  {formType, ""},
		"text that is no text, as JSON": {jsonType, strings.Repeat("\xff", 64<<10)},
	}
}

// headers are sent to every endpoint. A header section has room for 16 KiB.
func headers() map[string]http.Header {
	b64 := base64.RawURLEncoding.EncodeToString
	deep := b64([]byte(`{"alg":"ES256","typ":"dpop+jwt","jwk":` + strings.Repeat(`{"a":`, 1500) + "1" + strings.Repeat("}", 1500) + "}"))
	return map[string]http.Header{
		"one huge cookie":              {"Cookie": {"__Host-tx-a=" + strings.Repeat("A", 15<<10)}},
		"4000 cookies":                 {"Cookie": {strings.Repeat("a=;", 4500)}},
		"300 transactions":             {"Cookie": {strings.Repeat("__Host-tx-AAAAAAAAAAAAAAAA=eyJh; ", 400)}},
		"a huge session":               {"Cookie": {"__Host-session=" + strings.Repeat("A", 15<<10)}},
		"a huge proof":                 {"Dpop": {strings.Repeat("A", 15<<10)}},
		"a proof of dots":              {"Dpop": {strings.Repeat(".", 15<<10)}},
		"a deep proof":                 {"Dpop": {deep + ".e30.AA"}},
		"300 proofs":                   {"Dpop": slices.Repeat([]string{"a.b.c"}, 300)},
		"a huge bearer token":          {"Authorization": {"Bearer " + strings.Repeat("A", 15<<10)}},
		"a bearer token of dots":       {"Authorization": {"Bearer " + strings.Repeat(".", 15<<10)}},
		"a deep bearer token":          {"Authorization": {"DPoP " + deep + ".e30.AA"}, "Dpop": {"a.b.c"}},
		"a huge password":              {"Authorization": {"Basic " + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("a"), 11<<10))}},
		"4000 languages":               {"Accept-Language": {strings.Repeat("en,", 5000)}},
		"a language of 5000 subtags":   {"Accept-Language": {"en" + strings.Repeat("-aa", 5000)}},
		"a huge trace":                 {"Traceparent": {"00" + strings.Repeat("-", 15<<10)}},
		"a huge synthetic run":         {"X-Synthetic-Run": {strings.Repeat("a", 15<<10)}},
		"4000 entity tags":             {"If-None-Match": {strings.Repeat(`"a",`, 3500)}},
		"an Accept of 4000":            {"Accept": {strings.Repeat("a/b;q=0.1,", 1500)}},
		"a header section of 100 KiB":  {"X-Large": {strings.Repeat("a", 100<<10)}},
		"a header section of 900 KiB":  {"X-Large": {strings.Repeat("a", 900<<10)}},
		"2000 header fields":           {"X-Many": slices.Repeat([]string{"a"}, 1500)},
		"nothing that should not be":   {},
		"an eSignet token that is big": {"X-Xsrf-Token": {strings.Repeat("A", 7<<10)}, "Cookie": {"XSRF-TOKEN=" + strings.Repeat("A", 7<<10)}},
	}
}

// values are put into every parameter that means something. Escaped for a query
// each has at most most bytes.
func values(most int) map[string]string {
	b64 := base64.RawURLEncoding.EncodeToString
	most -= 200 // what is around the repeated part
	many := func(text string) string { return strings.Repeat(text, most/len(url.QueryEscape(text))) }
	deep := b64([]byte(`{"alg":"ES256","jwk":` + strings.Repeat("[", most/2)))
	return map[string]string{
		"letters": many("A"), "words": many("x "), "dots": many("."), "open brackets": many("["), "open objects": many(`{"a":`),
		"objects in an array": "[" + many(`{},`) + "{}]", "line breaks": many("\n"), "not UTF-8": many("\xff"), "zeros": many("\x00"),
		"a deep header": deep + ".e30.AA", "claims": `{"id_token":{` + many(`"a":null,`) + `"z":null}}`,
		"right to left": many("\u202e"),
	}
}

// closed endpoints refuse who is nobody, or asks nothing that makes sense.
func closed() []string {
	all := []string{
		"GET /authorize", "POST /authorize", "POST /par", "POST /token", "POST /introspect", "POST /revoke", "GET /userinfo", "POST /userinfo",
		"GET /grants/x", "GET /nothing", "POST /nothing", "PUT /token", "DELETE /authorize",
		"POST /vci/credential", "POST /vci/deferred", "POST /vci/notification", "POST /vci/offers", "GET /vci/offers/x", "POST /vci/credentials/x/revoke",
		"GET /vci/nothing", "GET /status-lists/x",
		"GET /v1/esignet/authorization/claim-details", "GET /v1/esignet/oidc/userinfo", "GET /v1/esignet/nothing",
		"POST /v1/esignet/oauth/token", "POST /v1/esignet/oauth/v2/token", "POST /v1/esignet/oauth/par",
	}
	for _, step := range []string{"oauth-details", "v2/oauth-details", "v3/oauth-details", "authenticate", "v2/authenticate", "v3/authenticate", "par-oauth-details", "send-otp", "auth-code"} {
		all = append(all, "POST /v1/esignet/authorization/"+step)
	}
	for _, kind := range []string{"oidc-client", "oauth-client", "client"} {
		all = append(all, "POST /v1/esignet/client-mgmt/"+kind, "PUT /v1/esignet/client-mgmt/"+kind+"/x")
	}
	return all
}

// open endpoints answer everybody.
func open() []string {
	return []string{
		"GET /.well-known/openid-configuration", "GET /.well-known/oauth-authorization-server", "GET /.well-known/openid-credential-issuer",
		"GET /.well-known/jwt-vc-issuer", "GET /jwks.json", "GET /vci/jwks.json", "GET /status-lists/0", "GET /logout", "POST /logout",
		"POST /vci/nonce", "GET /v1/esignet/csrf/token", "GET /v1/esignet/oauth/.well-known/jwks.json",
		"GET /v1/esignet/oauth/.well-known/oauth-authorization-server", "GET /v1/esignet/oidc/.well-known/openid-configuration",
	}
}

// basket collects nasty requests by name.
type basket map[string]*nasty

func (b basket) add(name, endpoint string, n nasty) {
	n.method, n.path, _ = strings.Cut(endpoint, " ")
	if n.header == nil {
		n.header = http.Header{}
	}
	b[endpoint[:min(len(endpoint), 60)]+": "+name] = &n
}

// everywhere sends every body, header and query to all endpoints.
func (b basket) everywhere(endpoints []string, open bool) {
	for _, endpoint := range endpoints {
		for name, body := range bodies() {
			text := []byte(body.text)
			b.add(name, endpoint, nasty{open: open, header: http.Header{"Content-Type": {body.kind}}, body: func() []byte { return text }})
		}
		for name, header := range headers() {
			b.add(name, endpoint, nasty{open: open, header: header})
		}
		for name, query := range map[string]string{"a huge query": strings.Repeat("a", 15<<10), "5000 parameters in the query": strings.Repeat("a=&", 5000), "escapes in the query": "a=" + strings.Repeat("%20", 5000)} {
			b.add(name, endpoint+"?"+query, nasty{open: open})
		}
		b.add("a huge path", endpoint+"/"+strings.Repeat("a/", 7<<10), nasty{open: open})
	}
}
