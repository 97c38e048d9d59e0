package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"tocsin/internal/verdict"
)

// Past answers what has been, by probe.
type Past interface {
	// Runs returns runs of a probe, newest first, and no more than filter wants.
	Runs(ctx context.Context, filter RunFilter) ([]PastRun, error)
	// Months returns how a probe did in each of the last months, newest first.
	Months(ctx context.Context, probe string, months int, now time.Time) ([]PastMonth, error)
}

// RunFilter selects runs; a zero field selects all.
type RunFilter struct {
	Probe      string          `json:"probe"`
	Checkpoint string          `json:"checkpoint,omitempty"`
	Verdict    verdict.Verdict `json:"verdict,omitempty"`
	Reason     verdict.Reason  `json:"reason,omitempty"`
	// Days is how far back.
	Days  int       `json:"days"`
	Since time.Time `json:"since"`
	Limit int       `json:"limit"`
}

// PastRun is a run that was.
type PastRun struct {
	At          time.Time       `json:"at"`
	Checkpoint  string          `json:"checkpoint"`
	Verdict     verdict.Verdict `json:"verdict"`
	Reason      verdict.Reason  `json:"reason"`
	Step        string          `json:"failed_step"`
	Detail      string          `json:"detail"`
	MS          float64         `json:"ms"`
	Times       int             `json:"times"`
	Maintenance string          `json:"maintenance,omitempty"`
	RunID       string          `json:"run_id,omitempty"`
	// Evidence is the address of what the run left, where it is still kept.
	Evidence string `json:"evidence,omitempty"`
}

// PastMonth is how a probe did in a month.
type PastMonth struct {
	Month string `json:"month"`
	// Uptime is nil where nothing is known; AtLeast counts all that is not known
	// as bad.
	Uptime             *float64  `json:"uptime"`
	AtLeast            float64   `json:"at_least"`
	Unknown            float64   `json:"unknown_share"`
	Missing            float64   `json:"missing_share"`
	DownSeconds        float64   `json:"down_seconds"`
	MaintenanceSeconds float64   `json:"maintenance_seconds"`
	Runs               int64     `json:"runs"`
	P50MS              *float64  `json:"p50_ms"`
	P95MS              *float64  `json:"p95_ms"`
	Days               []PastDay `json:"days"`
}

// PastDay is one day of it.
type PastDay struct {
	Date        string   `json:"date"`
	Uptime      *float64 `json:"uptime"`
	Bad         int64    `json:"bad"`
	Maintenance int64    `json:"maintenance_runs"`
}

// shownMonths and shownPast are how much of the past a page shows.
const (
	shownMonths = 12
	shownPast   = 200
)

// History is the page of one probe, and its JSON.
type History struct {
	Time   time.Time   `json:"time"`
	Target string      `json:"target"`
	Issuer string      `json:"issuer"`
	Probe  string      `json:"probe"`
	Filter RunFilter   `json:"filter"`
	Months []PastMonth `json:"months"`
	Runs   []PastRun   `json:"runs"`
	// More is true where the filter finds more runs than are shown.
	More bool `json:"more"`
}

// Choices of the form.
func (h History) Verdicts() []verdict.Verdict {
	return []verdict.Verdict{verdict.Pass, verdict.PassAfterRetry, verdict.Fail, verdict.Unknown}
}

// Reasons of the form.
func (h History) Reasons() []verdict.Reason {
	var all []verdict.Reason
	for _, one := range verdict.Reasons() {
		all = append(all, one.Reason)
	}
	return all
}

// Spans of the form, in days.
func (h History) Spans() []int { return []int{1, 7, 30, 90, 366} }

// filter reads the form. Words that are none of its choices select nothing that
// exists, so they are refused.
func filter(r *http.Request, now time.Time) (RunFilter, error) {
	query := r.URL.Query()
	f := RunFilter{
		Probe: r.PathValue("probe"), Checkpoint: query.Get("checkpoint"), Verdict: verdict.Verdict(query.Get("verdict")),
		Reason: verdict.Reason(query.Get("reason")), Days: 7, Limit: shownPast + 1,
	}
	var h History
	if f.Verdict != "" && !slices.Contains(h.Verdicts(), f.Verdict) {
		return f, fmt.Errorf("verdict %q is none", f.Verdict)
	}
	if f.Reason != "" && !slices.Contains(h.Reasons(), f.Reason) {
		return f, fmt.Errorf("reason %q is none", f.Reason)
	}
	if days := query.Get("days"); days != "" {
		count, err := strconv.Atoi(days)
		if err != nil || count < 1 || count > 3660 {
			return f, fmt.Errorf("days %q is no number from 1 to 3660", days)
		}
		f.Days = count
	}
	f.Since = now.AddDate(0, 0, -f.Days)
	return f, nil
}

// serveHistory answers the page of a probe, and its JSON with encode.
func (c *Console) serveHistory(encode bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		now := c.cfg.Now()
		if _, known := c.interval(r.PathValue("probe")); !known || c.cfg.Past == nil {
			http.Error(w, "there is no such probe", http.StatusNotFound)
			return
		}
		chosen, err := filter(r, now)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		h, err := c.history(r.Context(), chosen, now)
		if err != nil {
			c.refuse(w, r, err)
			return
		}
		var body bytes.Buffer
		kind := "text/html; charset=utf-8"
		if encode {
			kind = "application/json"
			err = json.NewEncoder(&body).Encode(h)
		} else {
			err = c.page.ExecuteTemplate(&body, "history.html", h)
		}
		if err != nil {
			c.refuse(w, r, fmt.Errorf("render history: %w", err))
			return
		}
		c.send(w, r, kind, body.Bytes())
	}
}

func (c *Console) history(ctx context.Context, f RunFilter, now time.Time) (History, error) {
	h := History{Time: now.UTC(), Target: c.cfg.Target, Issuer: c.issuer(), Probe: f.Probe, Filter: f}
	var err error
	if h.Months, err = c.cfg.Past.Months(ctx, f.Probe, shownMonths, now); err != nil {
		return h, err
	}
	if h.Runs, err = c.cfg.Past.Runs(ctx, f); err != nil {
		return h, err
	}
	if h.More = len(h.Runs) > shownPast; h.More {
		h.Runs = h.Runs[:shownPast]
	}
	for index := range h.Runs {
		h.Runs[index].Evidence = c.evidence(h.Runs[index].Evidence)
	}
	return h, nil
}

// interval is how often a probe runs, and whether there is one of that name.
func (c *Console) interval(probe string) (time.Duration, bool) {
	c.projection.mu.Lock()
	defer c.projection.mu.Unlock()
	interval, known := c.cfg.Intervals[probe]
	return interval, known
}

func (c *Console) issuer() string {
	c.projection.mu.Lock()
	defer c.projection.mu.Unlock()
	return c.cfg.Issuer
}

// Verdict is where a probe stands, as the page shows it, and false for one that
// there is not.
func (c *Console) Verdict(ctx context.Context, probe string) (verdict.Verdict, bool, error) {
	p := c.projection
	p.mu.Lock()
	defer p.mu.Unlock()
	interval, known := c.cfg.Intervals[probe]
	if !known {
		return "", false, nil
	}
	if err := p.catchUp(ctx); err != nil {
		return "", true, err
	}
	return summariseProbe(probe, p.runs[probe], interval, c.cfg.Now()).Verdict, true, nil
}
