package ui

import (
	"log/slog"
	"net/http"
	"slices"

	"tocsin/system/page"
)

// base is the path below which all pages are.
const base = "/ui"

// pages are the handlers.
type pages struct {
	provider *provider
	set      *page.Set
	log      *slog.Logger
}

// way is one way to sign in and the factor that the provider knows it by.
type way struct {
	by, factor string
}

func ways() []way {
	return []way{{page.ByPIN, "PIN"}, {page.ByOTP, "OTP"}, {page.ByWallet, "WLA"}}
}

// offered returns the ways that a login may be done, the preferred first.
func offered(view *View) []string {
	var found []string
	for _, factor := range view.Factors {
		for _, one := range ways() {
			if one.factor == factor {
				found = append(found, one.by)
			}
		}
	}
	return found
}

// step is what the pages of one login have in common.
func (p *pages) step(r *http.Request, v *visit, view *View) page.Step {
	return page.Step{
		Frame: page.Frame{
			Locales: locales(r, v.asked, view.Locales), Here: here(r), Asked: v.asked, FormTarget: view.RedirectOrigin,
		},
		Client: view.ClientName, Logo: logo(r, view.ClientLogo), Transaction: v.tx, CSRF: v.token(),
	}
}

// loginStep is step for the page of one way to sign in.
func (p *pages) loginStep(r *http.Request, v *visit, view *View, by string) page.Step {
	shared := p.step(r, v, view)
	shared.Here = base + "/login?tx=" + v.tx + "&by=" + by
	if several := offered(view); len(several) > 1 {
		for _, one := range several {
			shared.Ways = append(shared.Ways, page.Way{By: one, Link: v.path("login", "&by="+one), Current: one == by})
		}
	}
	return shared
}

func (p *pages) showLogin(w http.ResponseWriter, r *http.Request) {
	v, ok := p.enter(w, r)
	if !ok {
		return
	}
	view, err := p.provider.view(r.Context(), v.state)
	if err != nil {
		p.fail(w, r, v.path("login"), err)
		return
	}
	possible := offered(view)
	if len(possible) == 0 {
		p.write(w, r, page.Failure{Kind: page.Unsupported})
		return
	}
	by := r.URL.Query().Get("by")
	if !slices.Contains(possible, by) {
		by = possible[0]
	}
	person := page.Person{IndividualID: view.LoginHint}
	switch by {
	case page.ByOTP:
		p.set.OTP(w, http.StatusOK, &page.OTP{Step: p.loginStep(r, v, view, by), Person: person})
	case page.ByWallet:
		p.waitForWallet(w, r, v, view)
	default:
		p.set.PIN(w, http.StatusOK, &page.PIN{Step: p.loginStep(r, v, view, by), Person: person})
	}
}

func (p *pages) postPIN(w http.ResponseWriter, r *http.Request) {
	v, ok := p.submit(w, r)
	if !ok {
		return
	}
	individualID, pin := numberOf(r.PostForm, "individual_id"), secretOf(r.PostForm, "pin")
	if problem := missing(individualID, pin); problem != "" {
		p.pinAgain(w, r, v, page.Person{IndividualID: individualID, Problem: problem})
		return
	}
	next, err := p.provider.pin(r.Context(), v.state, individualID, pin)
	if problemIs(err, "mismatch") {
		p.pinAgain(w, r, v, page.Person{IndividualID: individualID, Problem: page.WrongPIN})
		return
	}
	p.proceed(w, r, v, v.path("login", "&by="+page.ByPIN), next, err)
}

// missing tells which of the two fields was left empty.
func missing(individualID, pin string) page.Problem {
	switch {
	case individualID == "":
		return page.NoID
	case pin == "":
		return page.NoPIN
	}
	return ""
}

// pinAgain shows the form once more, with what was wrong.
func (p *pages) pinAgain(w http.ResponseWriter, r *http.Request, v *visit, person page.Person) {
	view, err := p.provider.view(r.Context(), v.state)
	if err != nil {
		p.fail(w, r, v.path("login", "&by="+page.ByPIN), err)
		return
	}
	p.set.PIN(w, http.StatusUnprocessableEntity, &page.PIN{Step: p.loginStep(r, v, view, page.ByPIN), Person: person})
}

// proceed sends the browser on after a step.
func (p *pages) proceed(w http.ResponseWriter, r *http.Request, v *visit, retry string, next *Next, err error) {
	if problemIs(err, "not_authenticated") {
		redirect(w, r, v.path("login"))
		return
	}
	if err != nil {
		p.fail(w, r, retry, err)
		return
	}
	v.keep(w, next)
	redirect(w, r, v.destination(next))
}

// destination is where the browser goes after a step that succeeded.
func (v *visit) destination(next *Next) string {
	if next.Location == "" {
		return v.path("consent")
	}
	return next.Location
}

func redirect(w http.ResponseWriter, r *http.Request, location string) {
	page.Harden(w.Header())
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, location, http.StatusSeeOther)
}
