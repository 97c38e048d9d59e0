package engine

import (
	"slices"
	"sync"
	"time"

	"tocsin/scenarios/load"
)

// recorder keeps the logins of a run as they end.
type recorder struct {
	mu      sync.Mutex
	logins  []load.Login
	name    string
	first   chan struct{}
	started time.Time
}

func newRecorder() *recorder {
	return &recorder{first: make(chan struct{})}
}

// add keeps a login, without the secrets in it: those are the ledger's.
func (r *recorder) add(login load.Login) {
	login.Code, login.CodeVerifier = "", ""
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logins = append(r.logins, login)
	if len(r.logins) == 1 {
		r.started = login.Start
		close(r.first)
	}
}

// begun is when the first login started.
func (r *recorder) begun() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.started
}

func (r *recorder) all() []load.Login {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.logins)
}

func (r *recorder) phase(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.name = name
}

func (r *recorder) phaseName() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.name
}

// window is what happened since a moment.
type window struct {
	ended, failed, succeeded, problems int
	total, totalFailed                 int
	lastSuccess                        time.Time
}

// since counts what ended from a moment on.
func (r *recorder) since(from time.Time) window {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := window{total: len(r.logins), lastSuccess: r.started}
	for _, login := range r.logins {
		if login.OK && login.End.After(w.lastSuccess) {
			w.lastSuccess = login.End
		}
		if !login.OK {
			w.totalFailed++
		}
		if login.End.Before(from) {
			continue
		}
		w.ended++
		if login.OK {
			w.succeeded++
		} else {
			w.failed++
		}
		for _, problem := range login.Problems {
			if !problem.At.Before(from) {
				w.problems++
			}
		}
	}
	return w
}
