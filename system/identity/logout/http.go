package logout

import (
	"encoding/json"
	"net/http"

	"tocsin/system/identity/login"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/session"
)

// maxBody bounds a request of the pages, in bytes.
const maxBody = 32 << 10

// View is what the page that asks shows.
type View struct {
	ClientName string   `json:"client_name,omitempty"`
	Locales    []string `json:"locales,omitempty"`
	SignedIn   bool     `json:"signed_in"`
	// RedirectOrigin is where the browser goes in the end, "" for our own page.
	RedirectOrigin string `json:"redirect_origin,omitempty"`
}

// Done is the answer to a confirmed logout: the session cookie has to go, and
// the browser to Location, or to our own page when that is empty.
type Done struct {
	Location string `json:"location,omitempty"`
}

// Handler is the part of the internal interface for the page that asks. request
// is from its address, session the value of the session cookie:
//
//	/logout/view     {request, session} -> View
//	/logout/confirm  {request, session} -> Done
//
// Problems are login.Problem: gone, forged, invalid, unavailable.
func (e *Endpoint) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /logout/view", e.step(func(_ *http.Request, asked *request, current *session.Session) (any, error) {
		view := &View{ClientName: asked.ClientName, Locales: asked.Locales, SignedIn: current != nil}
		if asked.Location != "" {
			view.RedirectOrigin = login.Origin(asked.Location)
		}
		return view, nil
	}))
	mux.HandleFunc("POST /logout/confirm", e.step(func(r *http.Request, asked *request, current *session.Session) (any, error) {
		return &Done{Location: asked.Location}, e.end(r.Context(), current, "")
	}))
	return mux
}

func (e *Endpoint) step(do func(*http.Request, *request, *session.Session) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var input struct {
			Request string `json:"request"`
			Session string `json:"session"`
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&input); err != nil {
			e.write(w, r, http.StatusBadRequest, login.Problem{Error: "invalid"})
			return
		}
		asked := &request{}
		if err := e.box.Open(input.Request, asked); err != nil {
			e.write(w, r, http.StatusForbidden, login.Problem{Error: "forged"})
			return
		}
		if !e.config.Now().Before(asked.Expires) {
			e.write(w, r, http.StatusGone, login.Problem{Error: "gone"})
			return
		}
		result, err := do(r, asked, e.config.Sessions.Open(input.Session))
		if err != nil {
			oautherr.Log(r, e.config.Log, err)
			w.Header().Set("Retry-After", oautherr.RetryAfter)
			e.write(w, r, http.StatusServiceUnavailable, login.Problem{Error: "unavailable", RetryAfter: 1})
			return
		}
		e.write(w, r, http.StatusOK, result)
	}
}

func (e *Endpoint) write(w http.ResponseWriter, r *http.Request, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		e.config.Log.DebugContext(r.Context(), "write answer", "error", err)
	}
}
