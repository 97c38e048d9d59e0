package visual

import (
	"context"
	"fmt"
	"time"

	"tocsin/internal/browser"
	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/visual/baseline"
	"tocsin/visual/checks"
	"tocsin/visual/decide"
	"tocsin/visual/explain"
)

// Look is one look at a page that is to be judged.
type Look struct {
	Shot checks.Shot
	// RunID and Trace mark the requests and name the evidence; empty for new ones.
	RunID string
	Trace telemetry.Trace
	// Earlier tells what earlier checks saw, where something differs; nil for
	// nothing. It informs, and decides nothing.
	Earlier func(context.Context) ([]decide.Sighting, error)
	// KeepPass keeps the pictures of a pass as well.
	KeepPass bool
}

// Box is a part of the page that changed, in pixels.
type Box struct {
	X      int `json:"x"`
	Y      int `json:"y"`
	Width  int `json:"width"`
	Height int `json:"height"`
}

// Files are the paths of the pictures that a check left; empty for none.
type Files struct {
	Baseline   string `json:"baseline,omitempty"`
	Actual     string `json:"actual,omitempty"`
	Difference string `json:"difference,omitempty"`
	// Report shows them to people.
	Report string `json:"report,omitempty"`
}

// Result is what one check found.
type Result struct {
	Target string `json:"target"`
	// Check is the name of the picture, and Page of the page it is of.
	Check   string          `json:"check"`
	Page    string          `json:"page"`
	RunID   string          `json:"run_id"`
	TraceID string          `json:"trace_id"`
	Verdict verdict.Verdict `json:"verdict"`
	// Reason is one of the closed list of verdict.Reasons, and Detail the same
	// for people.
	Reason verdict.Reason `json:"reason"`
	Detail string         `json:"detail"`
	// Compared is true when there was a baseline to compare with: the figures
	// below say something then.
	Compared bool `json:"compared"`
	// Percent of the pixels changed. SoftEdgePixels and FaintPixels differ,
	// but less than a person sees; they are counted apart.
	Percent        float64 `json:"percent"`
	ChangedPixels  int     `json:"changed_pixels"`
	SoftEdgePixels int     `json:"soft_edge_pixels"`
	FaintPixels    int     `json:"faint_pixels"`
	// Width and Height of the picture in which the boxes are.
	Width  int   `json:"width,omitempty"`
	Height int   `json:"height,omitempty"`
	Boxes  []Box `json:"boxes"`
	// Changes is what changed on the page, most important first, and
	// OmittedChanges how many more there are.
	Changes        []explain.Change `json:"changes,omitempty"`
	OmittedChanges int              `json:"omitted_changes,omitempty"`
	// Barriers are what axe-core finds that it did not find on the approved page,
	// of the impact that the check asks for.
	Barriers []string `json:"barriers,omitempty"`
	// Findings is how many findings axe-core has on the page in all, approved
	// ones included.
	Findings int `json:"accessibility_findings"`
	// Fingerprint names the difference by its place; empty for none.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Memory says what earlier checks saw of the difference.
	Memory string `json:"memory,omitempty"`
	// FirstAttempt is why the first picture was not good enough, of a pass that
	// took a second.
	FirstAttempt string               `json:"first_attempt,omitempty"`
	Attempts     int                  `json:"attempts"`
	Files        Files                `json:"files"`
	Environment  baseline.Environment `json:"environment,omitzero"`
	// ApprovedBy and ApprovedAt are of the baseline, and BaselineSHA256 is of its
	// picture.
	BaselineSHA256 string    `json:"baseline_sha256,omitempty"`
	ApprovedBy     string    `json:"approved_by,omitempty"`
	ApprovedAt     time.Time `json:"approved_at,omitzero"`
	// URL is where the page was found, without its query, and Status its HTTP
	// status.
	URL    string `json:"url,omitempty"`
	Status int    `json:"status,omitempty"`
	// Requests are the redirects that led to the page, and what of it did not
	// load. Notes are what it did that a person would have had to answer.
	Requests []browser.Exchange `json:"requests,omitempty"`
	Notes    []string           `json:"notes,omitempty"`
	// Approvable tells that the picture is one of the page, not of an error.
	Approvable   bool   `json:"approvable"`
	ActualSHA256 string `json:"actual_sha256,omitempty"`
	// LoadingMS is how long the page took to load, SettlingMS from then to the
	// picture.
	LoadingMS  float64   `json:"loading_ms"`
	SettlingMS float64   `json:"settling_ms"`
	Started    time.Time `json:"started"`
	MS         float64   `json:"ms"`
}

// Brief is the result without what only people read who look into it.
func (r Result) Brief() Result {
	r.Environment, r.Requests, r.Notes, r.Files = baseline.Environment{}, nil, nil, Files{}
	return r
}

// end sets why the check ended as it did, and with it the verdict.
func (r *Result) end(reason verdict.Reason, format string, values ...any) {
	r.Verdict, r.Reason, r.Detail = reason.Verdict(), reason, fmt.Sprintf(format, values...)
}

// Check pictures a page and holds it against its baseline. It never returns an
// error: whatever happens becomes a Result, and a fault of our own is unknown.
func (l *Looker) Check(ctx context.Context, look Look) Result {
	started := time.Now()
	if look.RunID == "" {
		look.RunID = telemetry.RunID()
	}
	if look.Trace.TraceID == "" {
		look.Trace = telemetry.NewTrace()
	}
	c := check{looker: l, Look: look, known: Result{
		Target: l.config.Target.Name, Check: look.Shot.Name, Page: look.Shot.Page, RunID: look.RunID, TraceID: look.Trace.TraceID,
		Started: started.UTC(), Boxes: []Box{},
	}}
	c.attempts(ctx)
	c.result.MS = milliseconds(time.Since(started))
	if c.result.Verdict == verdict.Pass && !look.KeepPass {
		return *c.result
	}
	if err := c.writeEvidence(); err != nil {
		c.result.end(verdict.OwnConfig, "the evidence cannot be kept: %v (found: %s)", err, c.result.Detail)
	}
	return *c.result
}

// check is one run of Check.
type check struct {
	looker *Looker
	Look
	// known is the result as far as it is known before anything was seen.
	known Result
	*attempt
	// first is the attempt that was not good enough.
	first *attempt
}

// attempt is one picture and what is found in it.
type attempt struct {
	result         *Result
	seen           sight
	page, barriers []byte
	difference     []byte
	approved       *baseline.Baseline
}

// attempts pictures the page until it looks as approved, as often as its check
// allows. Only a difference is worth another look: what answered with an error
// has.
func (c *check) attempts(ctx context.Context) {
	for number := 1; ; number++ {
		result := c.known
		result.Attempts = number
		c.attempt = &attempt{result: &result}
		c.run(ctx)
		switch {
		case result.Reason == verdict.Appearance && number < c.Shot.Attempts && ctx.Err() == nil:
			if c.first == nil {
				c.first = c.attempt
			}
			continue
		case result.Verdict == verdict.Pass && c.first != nil:
			result.FirstAttempt = c.first.result.Detail
			result.end(verdict.Retried, "%s; at the first attempt %s", result.Detail, result.FirstAttempt)
		}
		return
	}
}

// run concludes with the first thing that keeps the page from being compared,
// or with the comparison.
func (c *check) run(ctx context.Context) {
	var err error
	c.seen, err = c.looker.look(ctx, c.Shot, marking{c.RunID, c.Trace})
	c.result.Environment = c.seen.environment
	if err != nil {
		reason, detail := c.looker.reasonOf(ctx, err)
		c.result.end(reason, "%s", detail)
		return
	}
	if err := c.note(); err != nil {
		c.result.end(verdict.Internal, "%v", err)
		return
	}
	if reason, detail := c.looker.wrongPage(c.seen.Shot, c.Shot); reason != verdict.OK {
		c.result.end(reason, "%s", detail)
		return
	}
	c.result.Approvable = true
	c.compare(ctx)
}

// note takes down what was seen.
func (c *check) note() (err error) {
	seen := c.seen
	c.result.URL, c.result.Status, c.result.Notes = browser.WithoutQuery(seen.URL), seen.Status, seen.Notes
	c.result.Requests = append(seen.Documents, seen.Broken...)
	c.result.LoadingMS, c.result.SettlingMS = milliseconds(seen.Loading), milliseconds(seen.Settling)
	if seen.PNG != nil {
		c.result.ActualSHA256 = baseline.Hash(seen.PNG)
	}
	if seen.Page != nil {
		if c.page, err = seen.Page.Encode(); err != nil {
			return err
		}
	}
	if seen.Accessibility != nil {
		c.result.Findings = len(seen.Accessibility.Findings) + seen.Accessibility.Omitted
		c.barriers, err = seen.Accessibility.Encode()
	}
	return err
}
