package evidence

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes"
)

// Config of a Keeper.
type Config struct {
	// Folder holds a folder for each run.
	Folder string
	// TargetFile, PlanFile (empty: what the target file names) and CAFile are
	// named in the lines that repeat a run.
	TargetFile, PlanFile, CAFile string
	// Secrets returns what must never be written. It is asked at each bundle,
	// for secrets are rotated. While it fails, no exchange is written.
	Secrets func() ([]string, error)
	// LastGood finds the newest run of a probe that passed before this keeper
	// saw any; nil where there is none. Optional.
	LastGood func(ctx context.Context, probe string) (*probes.Result, error)
	// Again is how soon the same failure of the same probe is worth another
	// bundle; until then runs point to the one there is. Default a minute.
	Again time.Duration
	// MaxAge, MaxTotal and MaxBundle bound what is kept: how long, and how many
	// bytes. Defaults 30 days, 1 GiB and 8 MiB.
	MaxAge    time.Duration
	MaxTotal  int64
	MaxBundle int
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Keeper keeps the evidence of runs. It is safe for concurrent use.
type Keeper struct {
	cfg Config

	mu   sync.Mutex
	good map[string]probes.Result
	kept map[failure]kept
}

// failure is what makes two failures the same one.
type failure struct {
	probe, checkpoint, step string
	reason                  verdict.Reason
}

type kept struct {
	at    time.Time
	runID string
}

// New makes a keeper.
func New(cfg Config) (*Keeper, error) {
	if cfg.Folder == "" || cfg.Secrets == nil {
		return nil, errors.New("evidence needs a folder, and to know what is secret")
	}
	if cfg.Again == 0 {
		cfg.Again = time.Minute
	}
	if cfg.MaxAge == 0 {
		cfg.MaxAge = 30 * 24 * time.Hour
	}
	if cfg.MaxTotal == 0 {
		cfg.MaxTotal = 1 << 30
	}
	if cfg.MaxBundle == 0 {
		cfg.MaxBundle = 8 << 20
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Keeper{cfg: cfg, good: map[string]probes.Result{}, kept: map[failure]kept{}}, nil
}

// Keep keeps the evidence of a run that did not pass at once, and returns the
// result as it may be written down: without what only evidence needs, and
// without secrets. Also when it fails, the result is fit to be written down.
func (k *Keeper) Keep(ctx context.Context, result probes.Result) (probes.Result, error) {
	if result.Verdict == verdict.Pass {
		result.Exchanges, result.Artifacts = nil, nil
		k.mu.Lock()
		defer k.mu.Unlock()
		k.good[result.Probe] = result
		return result, nil
	}
	secrets, secretsErr := k.cfg.Secrets()
	redactor := NewRedactor(secrets)
	exchanges, artifacts := result.Exchanges, result.Artifacts
	clean := redactor.result(result)
	if earlier, ok := k.earlier(clean); ok {
		clean.Evidence = earlier
		return clean, nil
	}
	if len(exchanges) == 0 && len(artifacts) == 0 && (result.Verdict == verdict.Unknown || len(result.Steps) == 0) {
		return clean, nil // a run that never started, or had nothing to do, leaves nothing to look at
	}
	bundle := k.describe(ctx, redactor, result, clean)
	if secretsErr != nil {
		bundle.Withheld = "the exchanges are not kept, because what is secret in them is not known: " + secretsErr.Error()
	}
	files, err := build(redactor, &bundle, exchanges, artifacts, k.cfg.MaxBundle)
	if err != nil {
		return clean, err
	}
	if err := write(filepath.Join(k.cfg.Folder, result.RunID), files); err != nil {
		return clean, err
	}
	k.remember(clean)
	clean.Evidence = result.RunID
	return clean, k.Prune()
}

func (k *Keeper) describe(ctx context.Context, r *Redactor, whole, clean probes.Result) Bundle {
	return Bundle{
		RunID: clean.RunID, TraceID: clean.TraceID, Probe: clean.Probe, Target: clean.Target, Checkpoint: clean.Checkpoint,
		Verdict: clean.Verdict, Reason: clean.Reason, Detail: clean.Detail, FailedStep: clean.FailedStep, Started: clean.Started,
		Repeat: repeat(r, whole, k.cfg), Result: clean, LastGood: k.lastGood(ctx, clean.Probe),
	}
}

func (k *Keeper) lastGood(ctx context.Context, probe string) *probes.Result {
	k.mu.Lock()
	good, ok := k.good[probe]
	k.mu.Unlock()
	if ok {
		return &good
	}
	if k.cfg.LastGood == nil {
		return nil
	}
	found, err := k.cfg.LastGood(ctx, probe)
	if err != nil {
		return nil // the bundle is worth having without it
	}
	return found
}

// earlier finds the bundle that shows the same failure.
func (k *Keeper) earlier(result probes.Result) (runID string, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	last, ok := k.kept[same(result)]
	return last.runID, ok && k.cfg.Now().Sub(last.at) < k.cfg.Again
}

func (k *Keeper) remember(result probes.Result) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.cfg.Now()
	for key, last := range k.kept {
		if now.Sub(last.at) >= k.cfg.Again {
			delete(k.kept, key)
		}
	}
	k.kept[same(result)] = kept{now, result.RunID}
}

func same(result probes.Result) failure {
	return failure{result.Probe, result.Checkpoint, result.FailedStep, result.Reason}
}

// result takes secrets out of what a probe said.
func (r *Redactor) result(result probes.Result) probes.Result {
	result.Exchanges, result.Artifacts = nil, nil
	result.Detail = r.sentence(result.Detail)
	steps := make([]probes.Step, len(result.Steps))
	copy(steps, result.Steps)
	for index := range steps {
		steps[index].Error = r.sentence(steps[index].Error)
	}
	result.Steps = steps
	return result
}

// String of a bundle is one line for people.
func (b Bundle) String() string {
	where := ""
	if b.FailedStep != "" {
		where = " at " + b.FailedStep
	}
	return fmt.Sprintf("%s  %s  %s%s (%s): %s", b.Started.Format(time.RFC3339), b.Probe, b.Verdict, where, b.Reason, b.Detail)
}
