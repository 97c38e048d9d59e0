// Package claim knows which claims about a person each scope asks for
// (OpenID Connect Core, 5.4). What a person allows of them is a grant.
package claim

import "slices"

// Scopes returns the scopes that ask for claims, in the order pages show them.
func Scopes() []string { return []string{"profile", "email", "phone", "address"} }

// Of returns the claims that a scope asks for.
func Of(scope string) []string {
	switch scope {
	case "profile":
		return []string{"name", "given_name", "family_name", "birthdate", "gender"}
	case "email":
		return []string{"email"}
	case "phone":
		return []string{"phone_number"}
	case "address":
		return []string{"address"}
	}
	return nil
}

// Requested returns the claims that scopes ask for, each once.
func Requested(scopes []string) []string {
	claims := []string{}
	for _, scope := range Scopes() {
		if slices.Contains(scopes, scope) {
			claims = append(claims, Of(scope)...)
		}
	}
	return claims
}

// Supported returns all claims of all scopes.
func Supported() []string { return Requested(Scopes()) }

// Release returns those of a person's claims that are allowed and known.
func Release(allowed []string, of map[string]any) map[string]any {
	released := map[string]any{}
	for _, name := range allowed {
		if value, known := of[name]; known && slices.Contains(Supported(), name) {
			released[name] = value
		}
	}
	return released
}
