package visual

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"tocsin/internal/browser"
	"tocsin/internal/target"
	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/visual/baseline"
	"tocsin/visual/capture"
	"tocsin/visual/checks"
)

// SeriesConfig says which pictures of a file of visual checks are taken.
type SeriesConfig struct {
	Target *target.Target
	Shots  []checks.Shot
	// Folder gets for each picture NAME.png, NAME.page.json and NAME.json.
	Folder string
	// Taken is told of each picture as soon as it is there.
	Taken func(Taken)
}

// Taken is one picture of a series, or why there is none.
type Taken struct {
	Name    string          `json:"name"`
	Verdict verdict.Verdict `json:"verdict"`
	// Reason says what is wrong; empty for a picture of the page.
	Reason      string               `json:"reason,omitempty"`
	URL         string               `json:"url,omitempty"`
	Status      int                  `json:"status,omitempty"`
	SHA256      string               `json:"sha256,omitempty"`
	Environment baseline.Environment `json:"environment"`
	Notes       []string             `json:"notes,omitempty"`
	// LoadingMS is how long the page took to load, SettlingMS from then to the
	// picture.
	LoadingMS  float64 `json:"loading_ms"`
	SettlingMS float64 `json:"settling_ms"`
}

// Series takes pictures one after another in one browser; another one takes
// over when it crashes. A picture says nothing about whether the page is as it
// should be: pass means that it was taken, with the status it must have.
func Series(ctx context.Context, config SeriesConfig) (_ []Taken, err error) {
	if err := os.MkdirAll(config.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("make folder for pictures: %w", err)
	}
	fonts, err := capture.FontsHash(ctx)
	if err != nil {
		return nil, err
	}
	roots, err := config.Target.Roots()
	if err != nil {
		return nil, err
	}
	series := &series{config: config, fonts: fonts, check: check{config: Config{
		Target: config.Target, RunID: telemetry.RunID(), Trace: telemetry.NewTrace(),
	}}}
	series.network = browser.TabOptions{Roots: roots, ConnectTo: config.Target.ConnectTo, Mark: series.check.mark}
	defer func() { err = errors.Join(err, series.close()) }()
	all := make([]Taken, 0, len(config.Shots))
	for _, shot := range config.Shots {
		taken := series.take(ctx, shot)
		if ctx.Err() != nil {
			return all, fmt.Errorf("take pictures: %w", context.Cause(ctx))
		}
		all = append(all, taken)
		if config.Taken != nil {
			config.Taken(taken)
		}
	}
	return all, nil
}

// series is a series under way.
type series struct {
	config  SeriesConfig
	fonts   string
	check   check // marks requests
	network browser.TabOptions
	browser *browser.Browser
}

func (s *series) close() error {
	if s.browser == nil {
		return nil
	}
	return s.browser.Close()
}

// ready sees to it that there is a browser.
func (s *series) ready(ctx context.Context) error {
	if s.browser != nil && s.browser.Alive() {
		return nil
	}
	if err := s.close(); err != nil {
		return err
	}
	s.browser = nil
	started, err := browser.Start(ctx, browser.Options{Language: capture.Locale})
	if err != nil {
		return err
	}
	s.browser = started
	return nil
}

// take takes one picture and keeps it.
func (s *series) take(ctx context.Context, shot checks.Shot) Taken {
	taken := Taken{Name: shot.Name, Verdict: verdict.Unknown}
	fail := func(err error) Taken {
		taken.Verdict, taken.Reason = verdictOf(err), err.Error()
		return taken
	}
	if err := s.ready(ctx); err != nil {
		return fail(err)
	}
	request, err := s.request(ctx, shot)
	if err != nil {
		return fail(err)
	}
	taken.Environment = capture.Environment(s.browser.Version(), s.fonts, request)
	found, err := capture.Take(ctx, s.browser, request)
	if err != nil {
		return fail(err)
	}
	taken.URL, taken.Status, taken.Notes = browser.WithoutQuery(found.URL), found.Status, found.Notes
	taken.LoadingMS, taken.SettlingMS = milliseconds(found.Loading), milliseconds(found.Settling)
	switch {
	case found.PNG == nil:
		taken.Verdict, taken.Reason = verdict.Fail, fmt.Sprintf("%s answered %s without a page", taken.URL, statusLine(found.Status))
	case found.Status != shot.Status:
		taken.Verdict = verdict.Fail
		taken.Reason = fmt.Sprintf("%s answered %s, and %d is expected", taken.URL, statusLine(found.Status), shot.Status)
	default:
		taken.Verdict = verdict.Pass
	}
	if err := s.keep(&taken, found); err != nil {
		taken.Verdict, taken.Reason = verdict.Unknown, err.Error()
	}
	return taken
}

// request is how a picture is taken; for the login page a login is begun.
func (s *series) request(ctx context.Context, shot checks.Shot) (capture.Request, error) {
	begin := ""
	if shot.Login {
		var err error
		if begin, err = authorizationURL(ctx, s.config.Target, func(header http.Header) { s.check.mark(header) }); err != nil {
			return capture.Request{}, err
		}
	}
	account := s.config.Target.Accounts.Probe
	request, err := shot.Request(s.config.Target.Issuer, begin, checks.Person{
		ID: account.IndividualID, Secret: func() (string, error) { return target.ReadSecret(account.SecretFile) },
	})
	request.Network = s.network
	return request, err
}

// keep writes the picture, what is on it, and what is said of it.
func (s *series) keep(taken *Taken, found *capture.Shot) error {
	write := func(ending string, content []byte) error {
		if err := os.WriteFile(filepath.Join(s.config.Folder, taken.Name+ending), content, 0o600); err != nil {
			return fmt.Errorf("keep picture: %w", err)
		}
		return nil
	}
	if found.PNG != nil {
		taken.SHA256 = baseline.Hash(found.PNG)
		if err := write(".png", found.PNG); err != nil {
			return err
		}
	}
	if found.Page != nil {
		encoded, err := found.Page.Encode()
		if err != nil {
			return fmt.Errorf("keep page: %w", err)
		}
		if err := write(".page.json", encoded); err != nil {
			return err
		}
	}
	encoded, err := json.MarshalIndent(taken, "", "  ")
	if err != nil {
		return fmt.Errorf("keep picture: %w", err)
	}
	return write(".json", append(encoded, '\n'))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
