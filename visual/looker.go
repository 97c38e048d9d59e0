package visual

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tocsin/internal/browser"
	"tocsin/internal/reach"
	"tocsin/internal/target"
	"tocsin/internal/telemetry"
	"tocsin/visual/baseline"
	"tocsin/visual/capture"
	"tocsin/visual/checks"
)

// Config says of which system pages are looked at, and where to keep what is
// found.
type Config struct {
	Target *target.Target
	// StateDir holds the evidence of runs.
	StateDir string
	// Baselines are the approved pictures; nil for those in StateDir.
	Baselines *baseline.Store
	// OwnNetwork returns why this machine itself cannot reach anybody, nil where
	// it can; nil for reach.OwnNetwork.
	OwnNetwork func() error
}

// Looker looks at pages, one at a time, with a browser that it starts when there
// is something to look at and keeps until it is closed. Another browser takes
// over when it crashes. It is not safe for concurrent use.
type Looker struct {
	config  Config
	roots   *x509.CertPool
	fonts   string
	browser *browser.Browser
	// taken is how many pictures the browser has taken.
	taken int
}

// browserLife is how many pictures one browser takes: what it leaks, and what it
// remembers against our will, ends with it.
const browserLife = 100

// NewLooker makes a looker; it starts nothing.
func NewLooker(config Config) (*Looker, error) {
	if config.Target == nil {
		return nil, errors.New("look at pages: no target")
	}
	if config.Baselines == nil {
		var err error
		if config.Baselines, err = baseline.Open(BaselineDir(config.StateDir)); err != nil {
			return nil, err
		}
	}
	if config.OwnNetwork == nil {
		config.OwnNetwork = reach.OwnNetwork
	}
	return &Looker{config: config}, nil
}

// Target is the name of the system whose pages are looked at.
func (l *Looker) Target() string { return l.config.Target.Name }

// Close ends the browser. The looker can be used again.
func (l *Looker) Close() error {
	if l.browser == nil {
		return nil
	}
	ended := l.browser
	l.browser = nil
	return ended.Close()
}

// ready sees to it that there is a browser, and that what a picture depends on
// of this machine is known.
func (l *Looker) ready(ctx context.Context) error {
	if l.browser != nil && l.browser.Alive() && l.taken < browserLife {
		l.taken++
		return nil
	}
	if err := l.Close(); err != nil {
		return err
	}
	l.taken = 1
	var err error
	// Both may change while the looker has no browser.
	if l.fonts, err = capture.FontsHash(ctx); err != nil {
		return err
	}
	if l.roots, err = l.config.Target.Roots(); err != nil {
		return &ownConfigError{err}
	}
	l.browser, err = browser.Start(ctx, browser.Options{Language: capture.Locale})
	return err
}

// marking marks requests as those of one run.
type marking struct {
	runID string
	trace telemetry.Trace
}

func newMarking() marking { return marking{telemetry.RunID(), telemetry.NewTrace()} }

// mark marks a request as synthetic and leaves Chromium its own User-Agent, to
// which pages may adapt, in front of ours.
func (m marking) mark(header http.Header) {
	agent := header.Get("User-Agent")
	telemetry.Mark(header, m.trace.Child(), m.runID)
	if agent != "" {
		header.Set("User-Agent", agent+" "+telemetry.UserAgent)
	}
}

// sight is a picture with the environment it was taken in.
type sight struct {
	*capture.Shot
	environment baseline.Environment
}

// look takes one picture. The environment is known also where there is none.
func (l *Looker) look(ctx context.Context, shot checks.Shot, as marking) (sight, error) {
	if err := l.ready(ctx); err != nil {
		return sight{}, err
	}
	request, err := l.request(ctx, shot, as)
	if err != nil {
		return sight{}, err
	}
	seen := sight{environment: capture.Environment(l.browser.Version(), l.fonts, request)}
	seen.Shot, err = capture.Take(ctx, l.browser, request)
	return seen, err
}

// request is how a picture is taken; for the login page a login is begun.
func (l *Looker) request(ctx context.Context, shot checks.Shot, as marking) (capture.Request, error) {
	to, begin := l.config.Target, ""
	if shot.Login {
		var err error
		if begin, err = authorizationURL(ctx, to, shot, as.mark); err != nil {
			return capture.Request{}, err
		}
	}
	account := to.Accounts.Probe
	request, err := shot.Request(to.Issuer, begin, checks.Person{
		ID: account.IndividualID, Secret: func() (string, error) { return target.ReadSecret(account.SecretFile) },
	})
	if err != nil {
		return request, &ownConfigError{err}
	}
	request.Accessibility = shot.Accessibility != checks.AccessibilityOff
	request.Network = browser.TabOptions{Roots: l.roots, ConnectTo: to.ConnectTo, Mark: as.mark}
	return request, nil
}

// ownConfigError is a file of ours that cannot be used.
type ownConfigError struct{ err error }

func (e *ownConfigError) Error() string { return fmt.Sprintf("configuration: %v", e.err) }

func (e *ownConfigError) Unwrap() error { return e.err }

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
