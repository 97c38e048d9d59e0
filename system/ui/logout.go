package ui

import (
	"net/http"
	"net/url"

	"tocsin/system/identity/session"
	"tocsin/system/page"
)

// signedOut is the address of the page that says so.
const signedOut = base + "/logout?done=1"

// showLogout asks whether to sign out, or says how it ended.
func (p *pages) showLogout(w http.ResponseWriter, r *http.Request) {
	request, current := r.URL.Query().Get("request"), cookie(r, session.Cookie)
	if request == "" {
		// The page tells the truth of this browser, whoever made the link to it.
		p.set.Logout(w, &page.Logout{Frame: openFrame(r, nil), Decided: true, Stayed: current != ""})
		return
	}
	view, err := p.provider.viewLogout(r.Context(), request, current)
	if err != nil {
		p.fail(w, r, here(r), err)
		return
	}
	if !view.SignedIn { // there is nothing to ask, and nothing to lose
		p.logOut(w, r, request, current)
		return
	}
	frame := openFrame(r, view.Locales)
	frame.FormTarget = view.RedirectOrigin
	p.set.Logout(w, &page.Logout{
		Frame: frame, Client: view.ClientName, Request: request, CSRF: token(known(w, r), "request", request),
	})
}

func (p *pages) postLogout(w http.ResponseWriter, r *http.Request) {
	if !p.posted(w, r, "request") {
		return
	}
	if r.PostForm.Get("decision") != "confirm" {
		p.set.Logout(w, &page.Logout{Frame: openFrame(r, nil), Decided: true, Stayed: true})
		return
	}
	p.logOut(w, r, r.PostForm.Get("request"), cookie(r, session.Cookie))
}

// logOut ends the session and takes its cookie away only when that is known to
// have happened.
func (p *pages) logOut(w http.ResponseWriter, r *http.Request, request, current string) {
	next, err := p.provider.logOut(r.Context(), request, current)
	if err != nil {
		p.fail(w, r, base+"/logout?request="+url.QueryEscape(request), err)
		return
	}
	http.SetCookie(w, session.Forget())
	location := next.Location
	if location == "" {
		location = signedOut
		if chosen := asked(r); chosen != "" {
			location += "&ui_locales=" + chosen
		}
	}
	redirect(w, r, location)
}
