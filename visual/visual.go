package visual

import (
	"context"
	"errors"
	"fmt"
	"image"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tocsin/internal/browser"
	"tocsin/internal/target"
	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/visual/baseline"
	"tocsin/visual/capture"
	"tocsin/visual/decide"
)

// PageLogin is the page that a person sees first: where the authorization
// request of a fresh login ends.
const PageLogin = "login"

// Pages are the pages that can be checked.
func Pages() []string { return []string{PageLogin} }

// Config says what to check and where to keep what is found.
type Config struct {
	Target *target.Target
	// Page is one of Pages; empty for PageLogin.
	Page string
	// StateDir holds the evidence of runs, and baselines unless Baselines does.
	StateDir string
	// Baselines is the folder of approved pictures, such as one in a Git
	// repository; empty for the one in StateDir.
	Baselines string
	// Attempts is how often a page is pictured at most before a difference is a
	// fail; 0 for 2. That it took more than one is in the verdict.
	Attempts int
	// Earlier is what earlier checks of the page saw. It informs, and decides nothing.
	Earlier []decide.Sighting
	// RunID and Trace mark the requests and name the evidence; empty for new ones.
	RunID string
	Trace telemetry.Trace
	// Masks are CSS selectors of what is covered before comparing.
	Masks []string
	// Tolerance is what may differ; nil for that of decide.DefaultBudget.
	Tolerance *decide.Budget
	// Deadline bounds taking the picture; 0 for that of the capture package.
	Deadline time.Duration
}

func (c *Config) defaults() error {
	if c.Target == nil {
		return errors.New("check page: no target")
	}
	if c.Page == "" {
		c.Page = PageLogin
	}
	if !slices.Contains(Pages(), c.Page) {
		return fmt.Errorf("page %q is not known: choose from %s", c.Page, strings.Join(Pages(), ", "))
	}
	if c.RunID == "" {
		c.RunID = telemetry.RunID()
	}
	if c.Trace.TraceID == "" {
		c.Trace = telemetry.NewTrace()
	}
	if c.Tolerance == nil {
		tolerance := decide.DefaultBudget()
		c.Tolerance = &tolerance
	}
	if c.Attempts == 0 {
		c.Attempts = 2
	}
	if c.Baselines == "" {
		c.Baselines = BaselineDir(c.StateDir)
	}
	return nil
}

// BaselineDir is where approved pictures are in a state folder.
func BaselineDir(stateDir string) string { return filepath.Join(stateDir, "baselines") }

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
	Target  string          `json:"target"`
	Page    string          `json:"page"`
	RunID   string          `json:"run_id"`
	TraceID string          `json:"trace_id"`
	Verdict verdict.Verdict `json:"verdict"`
	Reason  string          `json:"reason"`
	// Percent of the pixels changed. SoftEdgePixels and FaintPixels differ,
	// but less than a person sees; they are counted apart.
	Percent        float64 `json:"percent"`
	ChangedPixels  int     `json:"changed_pixels"`
	SoftEdgePixels int     `json:"soft_edge_pixels"`
	FaintPixels    int     `json:"faint_pixels"`
	Boxes          []Box   `json:"boxes"`
	// Fingerprint names the difference by its place; empty for none.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Memory says what earlier checks saw of the difference.
	Memory string `json:"memory,omitempty"`
	// FirstAttempt is why the first picture was not good enough, of a pass that
	// took a second.
	FirstAttempt string               `json:"first_attempt,omitempty"`
	Files        Files                `json:"files"`
	Environment  baseline.Environment `json:"environment"`
	// URL is where the page was found, without its query, and Status its HTTP
	// status.
	URL    string `json:"url,omitempty"`
	Status int    `json:"status,omitempty"`
	// Requests are the redirects that led to the page, and what of it did not
	// load.
	Requests []browser.Exchange `json:"requests,omitempty"`
	// Approvable tells that the picture is one of the page, not of an error.
	Approvable   bool      `json:"approvable"`
	ActualSHA256 string    `json:"actual_sha256,omitempty"`
	Started      time.Time `json:"started"`
	MS           float64   `json:"ms"`
}

// Check pictures a page and holds it against its baseline. It never returns an
// error: whatever happens becomes a Result, and a fault of our own is unknown.
func Check(ctx context.Context, config Config) Result {
	started := time.Now()
	result := Result{Page: config.Page, Verdict: verdict.Unknown, Started: started.UTC(), Boxes: []Box{}}
	if err := config.defaults(); err != nil {
		result.Reason = err.Error()
		return result
	}
	result.Target, result.Page = config.Target.Name, config.Page
	result.RunID, result.TraceID = config.RunID, config.Trace.TraceID
	found := check{config: config, result: &result}
	found.attempts(ctx)
	result.MS = float64(time.Since(started).Microseconds()) / 1000
	if err := found.writeEvidence(); err != nil {
		result.Verdict, result.Reason = verdict.Unknown, fmt.Sprintf("evidence cannot be kept: %v (found: %s)", err, result.Reason)
	}
	return result
}

// check is one run of Check.
type check struct {
	config Config
	result *Result

	actual, difference []byte
	canvas             image.Point
	approved           *baseline.Baseline
}

func (c *check) conclude(v verdict.Verdict, format string, values ...any) {
	c.result.Verdict, c.result.Reason = v, fmt.Sprintf(format, values...)
}

// attempts pictures the page until it looks as approved, Attempts times at most.
// Only a difference is worth another look: what answered with an error has.
func (c *check) attempts(ctx context.Context) {
	first := ""
	for attempt := 1; ; attempt++ {
		*c = check{config: c.config, result: c.result}
		c.result.forget()
		c.run(ctx)
		switch {
		case c.result.Verdict == verdict.Fail && c.difference != nil && attempt < c.config.Attempts && ctx.Err() == nil:
			first = c.result.Reason
			continue
		case c.result.Verdict == verdict.Pass && first != "":
			c.result.FirstAttempt = first
			c.conclude(verdict.PassAfterRetry, "%s; at the first attempt %s", c.result.Reason, first)
		}
		return
	}
}

// forget clears what an attempt found.
func (r *Result) forget() {
	r.Percent, r.ChangedPixels, r.SoftEdgePixels, r.FaintPixels = 0, 0, 0, 0
	r.Boxes, r.Fingerprint, r.Memory, r.Approvable = []Box{}, "", "", false
	r.URL, r.Status, r.Requests, r.ActualSHA256 = "", 0, nil, ""
}

// run concludes with the first thing that keeps the page from being compared,
// or with the comparison.
func (c *check) run(ctx context.Context) {
	shot, err := c.take(ctx)
	if ctx.Err() != nil {
		c.conclude(verdict.Unknown, "check was interrupted: %v", context.Cause(ctx))
		return
	}
	if err != nil {
		c.conclude(verdictOf(err), "%v", err)
		return
	}
	c.picture(shot)
	if problem := wrongPage(shot, c.config.Target.Client.RedirectURI); problem != "" {
		c.conclude(verdict.Fail, "%s", problem)
		return
	}
	c.result.Approvable = true
	c.approved, err = baseline.NewStore(c.config.Baselines).Load(c.config.Target.Name, c.config.Page)
	switch {
	case errors.Is(err, baseline.ErrNone):
		c.conclude(verdict.Unknown, "no approved baseline of page %s of target %s: look at the picture, then: tocsin visual approve --from %s",
			c.config.Page, c.config.Target.Name, c.config.RunID)
	case err != nil:
		c.conclude(verdict.Unknown, "%v", err)
	default:
		c.judge(shot)
	}
}

// take reaches the page with a browser of its own and pictures it.
func (c *check) take(ctx context.Context) (_ *capture.Shot, err error) {
	fonts, err := capture.FontsHash(ctx)
	if err != nil {
		return nil, err
	}
	roots, err := c.config.Target.Roots()
	if err != nil {
		return nil, err
	}
	address, err := authorizationURL(ctx, c.config.Target, c.mark)
	if err != nil {
		return nil, err
	}
	started, err := browser.Start(ctx, browser.Options{Language: capture.Locale})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, started.Close()) }()
	request := capture.Request{
		URL: address, Masks: c.config.Masks, Deadline: c.config.Deadline,
		Network: browser.TabOptions{Roots: roots, ConnectTo: c.config.Target.ConnectTo, Mark: c.mark},
	}
	c.result.Environment = capture.Environment(started.Version(), fonts, request)
	return capture.Take(ctx, started, request)
}

// mark marks a request as synthetic and leaves Chromium its own User-Agent, to
// which pages may adapt, in front of ours.
func (c *check) mark(header http.Header) {
	agent := header.Get("User-Agent")
	telemetry.Mark(header, c.config.Trace.Child(), c.config.RunID)
	if agent != "" {
		header.Set("User-Agent", agent+" "+telemetry.UserAgent)
	}
}

// picture notes what was pictured.
func (c *check) picture(shot *capture.Shot) {
	if c.actual = shot.PNG; c.actual != nil {
		c.result.ActualSHA256 = baseline.Hash(shot.PNG)
	}
	c.result.URL, c.result.Status = browser.WithoutQuery(shot.URL), shot.Status
	c.result.Requests = append(shot.Documents, shot.Broken...)
}

// verdictOf separates what the target did from what we could not do.
func verdictOf(err error) verdict.Verdict {
	var unreachable *browser.UnreachableError
	var discovery *discoveryError
	var step *capture.StepError
	if errors.As(err, &unreachable) || errors.As(err, &discovery) || errors.As(err, &step) || errors.Is(err, browser.ErrCircles) {
		return verdict.Fail
	}
	return verdict.Unknown
}
