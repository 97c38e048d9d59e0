package ui

import (
	"net/http"

	"tocsin/system/page"
)

// The simulated wallet stands where an app on somebody's phone would be. It is
// no part of a login in this browser: it knows the code and nothing else.

func (p *pages) showPhone(w http.ResponseWriter, r *http.Request) {
	if !r.URL.Query().Has("code") {
		p.set.Phone(w, http.StatusOK, &page.Phone{Frame: openFrame(r, nil)})
		return
	}
	p.phonePage(w, r, codeOf(r.URL.Query().Get("code")), http.StatusOK, page.Person{})
}

// phonePage asks for approval of the login that shows code.
func (p *pages) phonePage(w http.ResponseWriter, r *http.Request, code string, status int, person page.Person) {
	content := &page.Phone{Frame: openFrame(r, nil), Person: person}
	content.Here = base + "/wallet"
	if code == "" {
		content.Problem = page.NoCode
		p.set.Phone(w, http.StatusUnprocessableEntity, content)
		return
	}
	retry := base + "/wallet?code=" + code
	view, err := p.provider.walletView(r.Context(), code)
	if problemIs(err, "link_gone") {
		content.Problem = page.WrongCode
		p.set.Phone(w, http.StatusUnprocessableEntity, content)
		return
	}
	if err != nil {
		p.fail(w, r, retry, err)
		return
	}
	content.Locales = locales(r, content.Asked, view.Locales)
	content.Done, content.Approved, content.Credentials = view.Approved, view.Approved, view.Credentials
	content.Here, content.Code, content.CSRF = retry, code, token(known(w, r), "code", code)
	content.Client, content.Claims = view.ClientName, claims(view)
	p.set.Phone(w, status, content)
}

func (p *pages) postPhone(w http.ResponseWriter, r *http.Request) {
	if !p.posted(w, r, "code") {
		return
	}
	code := codeOf(r.PostForm.Get("code"))
	done := &page.Phone{Frame: openFrame(r, nil), Done: true}
	if r.PostForm.Get("decision") == "decline" {
		// Nobody is told: the code runs out.
		p.set.Phone(w, http.StatusOK, done)
		return
	}
	individualID, pin := numberOf(r.PostForm, "individual_id"), secretOf(r.PostForm, "pin")
	if problem := missing(individualID, pin); problem != "" {
		p.phonePage(w, r, code, http.StatusUnprocessableEntity, page.Person{IndividualID: individualID, Problem: problem})
		return
	}
	err := p.provider.approve(r.Context(), code, individualID, pin)
	switch {
	case problemIs(err, "mismatch"):
		p.phonePage(w, r, code, http.StatusUnprocessableEntity, page.Person{IndividualID: individualID, Problem: page.WrongPIN})
	case problemIs(err, "link_gone"):
		content := &page.Phone{Frame: openFrame(r, nil), Person: page.Person{Problem: page.WrongCode}}
		p.set.Phone(w, http.StatusUnprocessableEntity, content)
	case err != nil:
		p.fail(w, r, base+"/wallet?code="+code, err)
	default:
		done.Approved = true
		p.set.Phone(w, http.StatusOK, done)
	}
}
