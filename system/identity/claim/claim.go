// Package claim knows which claims about a person each scope asks for
// (OpenID Connect Core, 5.4), reads the claims request parameter (5.5), and
// tells what of both a person is asked to allow. What a person allowed is a
// grant.
package claim

import "slices"

// Scopes returns the scopes that ask for claims, in the order pages show them.
func Scopes() []string { return []string{"profile", "email", "phone", "address"} }

// Of returns the claims that a scope asks for. Those of OpenID Connect Core 5.4
// that no register of persons holds, such as nickname, are left out.
func Of(scope string) []string {
	switch scope {
	case "profile":
		return []string{"name", "given_name", "family_name", "birthdate", "gender", "picture", "locale", "updated_at"}
	case "email":
		return []string{"email", "email_verified"}
	case "phone":
		return []string{"phone_number", "phone_number_verified"}
	case "address":
		return []string{"address"}
	}
	return nil
}

// leader returns the claim that name says something about, "" for none. Nobody
// is asked about a companion: it means nothing alone, and goes with its leader.
func leader(name string) string {
	switch name {
	case "email_verified":
		return "email"
	case "phone_number_verified":
		return "phone_number"
	case "updated_at":
		return "name"
	}
	return ""
}

// Requested returns the claims that scopes and the claims parameter ask for,
// each once, in the order pages show them.
func Requested(scopes []string, request Request) []string {
	claims := []string{}
	for _, scope := range Scopes() {
		all := slices.Contains(scopes, scope)
		for _, name := range Of(scope) {
			if (all || request.wants(name)) && request.permits(name) {
				claims = append(claims, name)
			}
		}
	}
	return claims
}

// Supported returns all claims of all scopes.
func Supported() []string { return Requested(Scopes(), Request{}) }

// Shown is one claim on a consent page.
type Shown struct {
	Name string `json:"name"`
	// Essential is what the client says it cannot do without (OpenID Connect
	// Core, 5.5.1); the person may still refuse it.
	Essential bool `json:"essential,omitempty"`
	// RequestedBy is the scope that asks for the claim, "" for the claims parameter.
	RequestedBy string `json:"requested_by,omitempty"`
}

// Show returns what of the requested claims a person is asked about.
func Show(scopes []string, request Request) []Shown {
	requested := Requested(scopes, request)
	shown := []Shown{}
	for _, scope := range Scopes() {
		all := slices.Contains(scopes, scope)
		for _, name := range Of(scope) {
			if !slices.Contains(requested, name) || slices.Contains(requested, leader(name)) {
				continue
			}
			one := Shown{Name: name, Essential: request.essential(name)}
			if all {
				one.RequestedBy = scope
			}
			shown = append(shown, one)
		}
	}
	return shown
}

// Allowed returns those of requested claims that a person agreed to release,
// by the names that Show gave: a companion goes with its leader.
func Allowed(requested, ticked []string) []string {
	allowed := []string{}
	for _, name := range requested {
		above := leader(name)
		if slices.Contains(ticked, name) || above != "" && slices.Contains(requested, above) && slices.Contains(ticked, above) {
			allowed = append(allowed, name)
		}
	}
	return allowed
}

// Release returns those of a person's claims that are allowed and known.
func Release(allowed []string, of map[string]any) map[string]any {
	released := make(map[string]any, len(allowed))
	for _, name := range allowed {
		if value, known := of[name]; known && supported(name) {
			released[name] = value
		}
	}
	return released
}

// supported reports whether any scope has the claim.
func supported(name string) bool {
	for _, scope := range Scopes() {
		if slices.Contains(Of(scope), name) {
			return true
		}
	}
	return false
}
