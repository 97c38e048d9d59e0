//go:build interop

package ui

import (
	"strings"

	"tocsin/system/page"
)

// scene is one page in one state.
type scene struct {
	name, path string
	prepare    func(*upstream)
	// act is what a person does on the page to get to the state; may be empty.
	act string
}

func scenes() []scene {
	given := func(path string, is answer) func(*upstream) { return func(u *upstream) { u.set(path, is) } }
	consent := func(change func(*View)) func(*upstream) {
		view := login()
		view.Authenticated, view.ClientLogo = true, "/ui/assets/emblem.svg"
		view.Claims = []Claim{{"name", true}, {"birthdate", true}, {"email", false}, {"address", false}, {"unheard_of_claim_of_somebody", false}}
		change(view)
		return given("/login/view", answer{200, view})
	}
	enter := `document.querySelector('[name=individual_id]').value = '1000000002';`
	secret := `document.querySelector('[name=pin]').value = '1';`
	press := `document.querySelector('main button').click()`
	all := []scene{
		{name: "pin", path: "/ui/login?tx=" + tx},
		{name: "pin-wrong", path: "/ui/login?tx=" + tx, prepare: given("/login/pin", refused(422, "mismatch")), act: enter + secret + press},
		{name: "otp", path: "/ui/login?tx=" + tx + "&by=otp"},
		{name: "otp-code", path: "/ui/login?tx=" + tx + "&by=otp", act: enter + press},
		{name: "otp-code-wrong", path: "/ui/login?tx=" + tx + "&by=otp", prepare: given("/login/otp", refused(422, "mismatch")),
			act: enter + press},
		{name: "wallet", path: "/ui/login?tx=" + tx + "&by=wallet"},
		{name: "wallet-expired", path: "/ui/login?tx=" + tx + "&by=wallet", prepare: given("/login/wallet/begin", answer{200, Link{LinkCode: linkCode, URI: "https://id.example/w"}})},
		{name: "consent", path: "/ui/consent?tx=" + tx, prepare: consent(func(v *View) { v.Credentials = []string{"Identity card", "Proof of age"} })},
		{name: "consent-nothing", path: "/ui/consent?tx=" + tx, prepare: consent(func(v *View) { v.Claims, v.ClientName = nil, strings.Repeat("Long name ", 20) })},
		{name: "phone", path: "/ui/wallet?code=" + linkCode},
		{name: "phone-enter", path: "/ui/wallet"},
		{name: "phone-wrong", path: "/ui/wallet?code=" + linkCode, prepare: given("/login/wallet/approve", refused(422, "mismatch")), act: enter + secret + press},
		{name: "phone-done", path: "/ui/wallet?code=" + linkCode, act: enter + secret + press},
		{name: "logout", path: "/ui/logout?request=r"},
		{name: "logout-stayed", path: "/ui/logout?request=r", act: `document.querySelector('[value=stay]').click()`},
		{name: "logout-done", path: "/ui/logout?request=r", act: press},
		{name: "gone-with-way-back", path: "/ui/login?tx=" + tx, prepare: given("/login/view", refused(410, "gone"))},
		{name: "unavailable-with-retry", path: "/ui/login?tx=" + tx, prepare: given("/login/view", answer{503, nil})},
	}
	for _, kind := range page.Kinds() {
		all = append(all, scene{name: "error-" + string(kind), path: "/ui/error?kind=" + string(kind)})
	}
	return all
}
