package esignet

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// metadata returns the provider's document with the endpoints that are here.
// The issuer is the provider's: what is issued through either is the same.
func metadata(document []byte, issuer string) (http.Handler, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(document, &members); err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	for member, path := range map[string]string{
		"token_endpoint":                        "/oauth/v2/token",
		"userinfo_endpoint":                     "/oidc/userinfo",
		"jwks_uri":                              "/oauth/.well-known/jwks.json",
		"pushed_authorization_request_endpoint": "/oauth/par",
	} {
		address, err := json.Marshal(issuer + Prefix + path)
		if err != nil {
			return nil, fmt.Errorf("write metadata: %w", err)
		}
		members[member] = address
	}
	body, err := json.Marshal(members)
	if err != nil {
		return nil, fmt.Errorf("write metadata: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Access-Control-Allow-Origin", "*") // a public document
		w.Header().Set("Cache-Control", "public, max-age=300")
		w.Write(body)
	}), nil
}
