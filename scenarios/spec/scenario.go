package spec

import "time"

// Scenario is load, one fault, and what must hold. The doc tags are the
// descriptions in the JSON Schema.
type Scenario struct {
	Version     int                  `yaml:"version" doc:"version of this format: 1"`
	Name        string               `yaml:"name" doc:"name of the scenario, as in its file name"`
	Claim       string               `yaml:"claim" doc:"the promise that this scenario can prove wrong, in one sentence"`
	Parameters  map[string]Parameter `yaml:"parameters" doc:"values that may be set with --set name=value and are used as ${name}"`
	SteadyState []SteadyState        `yaml:"steadyState" doc:"what must hold before the fault, under load, and after recovery"`
	Load        Load                 `yaml:"load" doc:"logins that run from before the fault until after it"`
	Method      []Action             `yaml:"method" doc:"what is done to the system, in time from the first login"`
	Expect      []Expectation        `yaml:"expect" doc:"what must have held when all is over"`
	Stop        []Stop               `yaml:"stop" doc:"what ends the scenario early and reverts the fault"`
	Rollback    Rollback             `yaml:"rollback" doc:"how the fault is reverted, whatever happens"`
}

// Parameter is a value that a run may choose.
type Parameter struct {
	Default string   `yaml:"default" doc:"value if none is set"`
	OneOf   []string `yaml:"oneOf" doc:"allowed values; any if empty"`
	About   string   `yaml:"about" doc:"what it is for"`
}

// SteadyState is one check of the system in health. Exactly one of Probe,
// PromQL and Visual is set.
type SteadyState struct {
	Name string `yaml:"name" doc:"the line of the verdict"`
	// Gate forbids the fault while the check is not good: breaking a system
	// that is down already proves nothing and hurts people.
	Gate   bool         `yaml:"gate" doc:"do not inject the fault unless this holds"`
	Probe  *ProbeCheck  `yaml:"probe" doc:"a probe must succeed"`
	PromQL *PromQLCheck `yaml:"promql" doc:"a query must lie within bounds"`
	Visual *VisualCheck `yaml:"visual" doc:"a page must look as approved"`
}

// ProbeCheck runs every probe whose name matches.
type ProbeCheck struct {
	Name string `yaml:"name" doc:"name of the probe, or a pattern such as zone-*"`
	Runs int    `yaml:"runs" doc:"how often each must succeed; 1 if not given"`
}

// PromQLCheck is an instant query; every series in its answer must lie within
// the bounds, and an empty answer is unknown.
type PromQLCheck struct {
	Query   string   `yaml:"query" doc:"instant query"`
	AtLeast *float64 `yaml:"atLeast" doc:"lowest good value"`
	AtMost  *float64 `yaml:"atMost" doc:"highest good value"`
}

// VisualCheck compares a page with its approved picture.
type VisualCheck struct {
	Page string `yaml:"page" doc:"name of the page"`
}

// Load is an open model: logins start at the rate, whatever the answers.
type Load struct {
	Rate     int           `yaml:"rate" doc:"logins started per second"`
	Duration time.Duration `yaml:"duration" doc:"how long logins are started"`
	// Returning people are not asked for consent, so their logins must not need
	// whatever a new consent is written to.
	Returning int `yaml:"returning" doc:"log in as this many people who have all given consent before; 0, and everybody consents anew"`
}

// Action is one fault and how long it is held.
type Action struct {
	At    time.Duration `yaml:"at" doc:"time from the first login"`
	For   time.Duration `yaml:"for" doc:"how long the fault is held"`
	Fault Fault         `yaml:"fault" doc:"what is broken"`
}

// Fault names what is broken and where.
type Fault struct {
	Kind      string `yaml:"kind" doc:"kill, freeze or cut"`
	Zone      string `yaml:"zone" doc:"zone; all if empty"`
	Component string `yaml:"component" doc:"component; all if empty"`
}

// Stop is one condition that ends a scenario early. Exactly one is set.
type Stop struct {
	FailedLogins *FailedShare `yaml:"failedLogins" doc:"too many logins fail"`
	NoLogin      *Silence     `yaml:"noLogin" doc:"no login succeeds at all"`
}

// FailedShare holds while more than Above of the logins that ended within For
// have failed.
type FailedShare struct {
	Above float64       `yaml:"above" doc:"share of logins, from 0 to 1"`
	For   time.Duration `yaml:"for" doc:"for how long"`
}

// Silence holds while nothing has succeeded within For.
type Silence struct {
	For time.Duration `yaml:"for" doc:"for how long"`
}

// Rollback bounds the revert of the fault, which is always done.
type Rollback struct {
	Lease  time.Duration `yaml:"lease" doc:"how long the fault outlives a dead Tocsin; 15s if not given"`
	Within time.Duration `yaml:"within" doc:"how long reverting may take; 2m if not given"`
}
