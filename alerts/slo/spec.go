package slo

import (
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"tocsin/internal/strictyaml"
)

// Objective is the share of runs that must be good, exact: 99.9 % is 999/1000.
type Objective struct{ share *big.Rat }

// UnmarshalText reads a percentage such as 99.95%. A float would turn the
// budget of 99.9 % into 0.09999999999999432 %.
func (o *Objective) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(string(text), "%")
	share, ok := new(big.Rat).SetString(strings.TrimSpace(number))
	if !percent || !ok || strings.ContainsAny(number, "/eExXpP_") {
		return fmt.Errorf("%q is not a percentage such as 99.9%%", text)
	}
	o.share = share.Quo(share, big.NewRat(100, 1))
	return nil
}

// Share is the objective as a part of 1.
func (o Objective) Share() *big.Rat { return new(big.Rat).Set(o.share) }

// Budget is the share of runs that may fail.
func (o Objective) Budget() *big.Rat { return new(big.Rat).Sub(big.NewRat(1, 1), o.share) }

// Duration is a length of time as Prometheus writes it: 28d, 1h30m, 10s.
type Duration time.Duration

// UnmarshalText reads d.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := model.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 28d, 1h or 10s", text)
	}
	*d = Duration(parsed)
	return nil
}

// Spec is one SLO: of all runs of Probe that ended in pass, pass-after-retry or
// fail, at least Objective are not a fail, over every Period. An unknown run is
// a fault of our own and counts as neither.
type Spec struct {
	Version     int       `yaml:"version"`
	Name        string    `yaml:"slo"`
	Description string    `yaml:"description"`
	Probe       string    `yaml:"probe"`
	Objective   Objective `yaml:"objective"`
	Period      Duration  `yaml:"period"`
	// Interval is the time between two runs of the probe. Where it is shorter
	// than the real one, burn rates need more failures than they should.
	Interval Duration `yaml:"interval"`
	// MinimumFailures is how many runs must have failed before a burn rate may
	// wake or bother anybody.
	MinimumFailures int  `yaml:"minimum_failures"`
	Fast            Fast `yaml:"fast"`
	// RunbookBase is the address in front of a runbook's name.
	RunbookBase string `yaml:"runbook_base"`
}

// Fast is the rule for an outage that is happening now: Failures runs failed
// Within, and none succeeded for Quiet.
type Fast struct {
	Failures int      `yaml:"failures"`
	Within   Duration `yaml:"within"`
	Quiet    Duration `yaml:"quiet"`
}

const version = 1

// Parse reads the SLO file named file. All that is wrong is reported at once,
// each finding an *strictyaml.Error. The warnings say what the numbers mean
// where that may surprise.
func Parse(file string, data []byte) (Spec, []string, error) {
	var spec Spec
	document, err := strictyaml.Parse(file, data, &spec)
	if err != nil {
		return Spec{}, nil, err
	}
	spec.defaults()
	check := checker{document: document}
	check.spec(spec)
	if err := errors.Join(check.problems...); err != nil {
		return Spec{}, nil, err
	}
	return spec, check.warnings, nil
}

func (s *Spec) defaults() {
	if s.MinimumFailures == 0 {
		s.MinimumFailures = 3
	}
	if s.Fast.Failures == 0 {
		s.Fast.Failures = 2
	}
	if s.Fast.Within == 0 {
		s.Fast.Within = Duration(30 * time.Second)
	}
	if s.Fast.Quiet == 0 {
		s.Fast.Quiet = Duration(10 * time.Second)
	}
	if s.RunbookBase == "" {
		s.RunbookBase = "http://127.0.0.1:9464/runbooks/"
	}
	if !strings.HasSuffix(s.RunbookBase, "/") {
		s.RunbookBase += "/"
	}
}

type checker struct {
	document *strictyaml.Document
	problems []error
	warnings []string
}

func (c *checker) report(key, hint, format string, arguments ...any) {
	c.problems = append(c.problems, c.document.Problem(key, fmt.Sprintf(format, arguments...), hint))
}

var name = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (c *checker) spec(s Spec) {
	if s.Version != version {
		c.report("version", "write version: 1", "version is %d", s.Version)
	}
	for key, value := range map[string]string{"slo": s.Name, "probe": s.Probe} {
		if !name.MatchString(value) {
			c.report(key, "use lower-case letters, digits and _", "%q is not a name", value)
		}
	}
	if base, err := url.Parse(s.RunbookBase); err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		c.report("runbook_base", "write an http or https address", "%q is not a web address", s.RunbookBase)
	}
	c.objective(s)
	c.times(s)
	if len(c.problems) == 0 {
		c.pages(s)
	}
}

func (c *checker) objective(s Spec) {
	if s.Objective.share == nil {
		c.report("objective", "write a percentage such as 99.9%", "objective is missing")
		return
	}
	if s.Objective.share.Sign() <= 0 || s.Objective.Budget().Sign() <= 0 {
		c.report("objective", "write a percentage between 0% and 100%, both excluded", "an objective of %s%% leaves no budget to measure",
			new(big.Rat).Mul(s.Objective.share, big.NewRat(100, 1)).RatString())
	}
}

func (c *checker) times(s Spec) {
	if period := time.Duration(s.Period); period < 7*day || period%day != 0 {
		c.report("period", "write whole days, for example 28d", "the period is %s; at least 7d is needed", model.Duration(s.Period))
	}
	if s.Interval <= 0 {
		c.report("interval", "write how often the probe runs, for example 10s", "interval is missing")
		return
	}
	if s.MinimumFailures < 0 || s.Fast.Failures < 0 {
		c.report("minimum_failures", "", "a number of failures is negative")
	}
	if s.Fast.Quiet < s.Interval {
		c.report("fast.quiet", "write at least the interval of the probe", "%s without a success is normal for a probe that runs every %s",
			model.Duration(s.Fast.Quiet), model.Duration(s.Interval))
	}
	if runs := int(s.Fast.Within / s.Interval); runs < s.Fast.Failures {
		c.report("fast.within", "", "%d failures cannot happen within %s at one run every %s",
			s.Fast.Failures, model.Duration(s.Fast.Within), model.Duration(s.Interval))
	}
}

// pages refuses pairs of windows that could never fire, and pages that a
// single failed run would cause.
func (c *checker) pages(s Spec) {
	for _, pair := range Pairs() {
		need := s.failuresToFire(pair)
		if pair.Threshold(s).Cmp(big.NewRat(1, 1)) >= 0 {
			c.report("objective", "raise the objective", "the alert over %s can never fire: it would need more than 100%% failures", pair.Long)
			continue
		}
		if need.guarded == 1 {
			c.report("minimum_failures", "write at least 2, or run the probe more often", "one failed run in %d would fire the alert over %s", need.runs, pair.Long)
			continue
		}
		if int64(need.guarded) > need.runs {
			c.report("minimum_failures", "run the probe more often, or write fewer", "the alert over %s can never fire: it needs %d failures in %d runs", pair.Long, need.guarded, need.runs)
			continue
		}
		if need.plain < int64(need.guarded) {
			c.warnings = append(c.warnings, fmt.Sprintf(
				"%s: %d failed of %d runs in %s burn the budget at %sx; minimum_failures holds the alert back until %d",
				s.Name, need.plain, need.runs, pair.Long, pair.Factor(s).FloatString(2), need.guarded))
		}
	}
}
