package ui

import (
	"net/http"

	"tocsin/system/page"
)

// maxMasked bounds a masked address that comes back with a form.
const maxMasked = 128

func (p *pages) sendOTP(w http.ResponseWriter, r *http.Request) {
	v, ok := p.submit(w, r)
	if !ok {
		return
	}
	retry := v.path("login", "&by="+page.ByOTP)
	individualID := numberOf(r.PostForm, "individual_id")
	if individualID == "" {
		p.otpAgain(w, r, v, individualID)
		return
	}
	delivery, err := p.provider.sendOTP(r.Context(), v.state, individualID)
	if problemIs(err, "mismatch") {
		p.otpAgain(w, r, v, individualID)
		return
	}
	if err != nil {
		p.fail(w, r, retry, err)
		return
	}
	v.keep(w, &Next{State: delivery.State})
	p.codePage(w, r, v, http.StatusOK, page.Code{
		Person: page.Person{IndividualID: individualID}, Email: delivery.MaskedEmail, Phone: delivery.MaskedPhone,
	})
}

// otpAgain asks once more whom to send a code.
func (p *pages) otpAgain(w http.ResponseWriter, r *http.Request, v *visit, individualID string) {
	view, err := p.provider.view(r.Context(), v.state)
	if err != nil {
		p.fail(w, r, v.path("login", "&by="+page.ByOTP), err)
		return
	}
	p.set.OTP(w, http.StatusUnprocessableEntity, &page.OTP{
		Step:   p.loginStep(r, v, view, page.ByOTP),
		Person: page.Person{IndividualID: individualID, Problem: page.NoID},
	})
}

func (p *pages) postOTP(w http.ResponseWriter, r *http.Request) {
	v, ok := p.submit(w, r)
	if !ok {
		return
	}
	again := page.Code{
		Person: page.Person{IndividualID: numberOf(r.PostForm, "individual_id"), Problem: page.WrongOTP},
		Email:  masked(r.PostForm.Get("masked_email")), Phone: masked(r.PostForm.Get("masked_phone")),
	}
	otp := numberOf(r.PostForm, "otp")
	if otp == "" {
		again.Problem = page.NoOTP
		p.codePage(w, r, v, http.StatusUnprocessableEntity, again)
		return
	}
	next, err := p.provider.otp(r.Context(), v.state, again.IndividualID, otp)
	if problemIs(err, "mismatch") {
		p.codePage(w, r, v, http.StatusUnprocessableEntity, again)
		return
	}
	p.proceed(w, r, v, v.path("login", "&by="+page.ByOTP), next, err)
}

// codePage asks for the code that was sent.
func (p *pages) codePage(w http.ResponseWriter, r *http.Request, v *visit, status int, content page.Code) {
	first := v.path("login", "&by="+page.ByOTP)
	view, err := p.provider.view(r.Context(), v.state)
	if err != nil {
		p.fail(w, r, first, err)
		return
	}
	content.Step = p.loginStep(r, v, view, page.ByOTP)
	content.Other = first
	p.set.Code(w, status, &content)
}

// masked takes back what the page itself had said; it is only shown again, to
// whom it came from.
func masked(text string) string {
	if len(text) > maxMasked {
		return ""
	}
	return text
}
