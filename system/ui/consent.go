package ui

import (
	"net/http"

	"tocsin/system/page"
)

func (p *pages) showConsent(w http.ResponseWriter, r *http.Request) {
	v, ok := p.enter(w, r)
	if !ok {
		return
	}
	view, err := p.provider.view(r.Context(), v.state)
	if err != nil {
		p.fail(w, r, v.path("consent"), err)
		return
	}
	if !view.Authenticated {
		redirect(w, r, v.path("login"))
		return
	}
	p.set.Consent(w, &page.Consent{Step: p.step(r, v, view), Claims: claims(view), Credentials: view.Credentials})
}

// claims returns what pages show of the claims of a view.
func claims(view *View) []page.Claim {
	shown := make([]page.Claim, len(view.Claims))
	for i, claim := range view.Claims {
		shown[i] = page.Claim(claim)
	}
	return shown
}

// postConsent passes the decision on. That an essential claim is ticked is a
// matter between the browser and the person: without it the client is told
// less, and the provider takes what it gets (OpenID Connect Core, 5.5.1).
func (p *pages) postConsent(w http.ResponseWriter, r *http.Request) {
	v, ok := p.submit(w, r)
	if !ok {
		return
	}
	allowed, possible := ticked(r.PostForm)
	decision := r.PostForm.Get("decision")
	if !possible || decision != "allow" && decision != "deny" {
		p.write(w, r, page.Failure{Kind: page.BadRequest})
		return
	}
	next, err := p.provider.consent(r.Context(), v.state, decision, allowed)
	p.proceed(w, r, v, v.path("consent"), next, err)
}
