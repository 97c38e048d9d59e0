package spec

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"tocsin/internal/strictyaml"
)

// checker collects what is wrong with the values of a scenario.
type checker struct {
	document *strictyaml.Document
	problems []error
}

func (c *checker) report(key, problem, hint string) {
	c.problems = append(c.problems, c.document.Problem(key, problem, hint))
}

func (c *checker) scenario(s *Scenario) {
	if s.Version != formatVersion {
		c.report("version", fmt.Sprintf("version %d is not supported", s.Version), fmt.Sprintf("write version: %d", formatVersion))
	}
	c.text("name", s.Name)
	c.text("claim", s.Claim)
	c.parameters(s.Parameters)
	c.steadyState(s.SteadyState)
	c.between("load.rate", float64(s.Load.Rate), 1, 2000)
	c.positive("load.duration", s.Load.Duration)
	c.between("load.returning", float64(s.Load.Returning), 0, 1_000_000)
	c.method(s)
	if len(s.Expect) == 0 {
		c.report("expect", "is empty, so nothing could fail", "")
	}
	for i, expectation := range s.Expect {
		c.expectation(fmt.Sprintf("expect[%d]", i), expectation)
	}
	c.names(s)
	for i, stop := range s.Stop {
		c.stop(fmt.Sprintf("stop[%d]", i), stop)
	}
}

func (c *checker) parameters(parameters map[string]Parameter) {
	for name, parameter := range parameters {
		key := "parameters." + name
		if parameter.Default == "" {
			c.report(key+".default", "is missing", "")
		} else if !harmless.MatchString(parameter.Default) {
			c.report(key+".default", "has other characters than letters, digits, dot, dash and underscore", "")
		} else if len(parameter.OneOf) > 0 && !slices.Contains(parameter.OneOf, parameter.Default) {
			c.report(key+".default", fmt.Sprintf("%q is none of %s", parameter.Default, strings.Join(parameter.OneOf, ", ")), "")
		}
	}
}

func (c *checker) steadyState(checks []SteadyState) {
	gated := false
	for i, check := range checks {
		key := fmt.Sprintf("steadyState[%d]", i)
		c.text(key+".name", check.Name)
		c.one(key, check)
		gated = gated || check.Gate
		switch {
		case check.Probe != nil:
			c.pattern(key+".probe.name", check.Probe.Name)
			c.between(key+".probe.runs", float64(check.Probe.Runs), 0, 100)
		case check.PromQL != nil:
			c.text(key+".promql.query", check.PromQL.Query)
			if check.PromQL.AtLeast == nil && check.PromQL.AtMost == nil {
				c.report(key+".promql", "has neither atLeast nor atMost, so it could not fail", "")
			}
		case check.Visual != nil:
			c.text(key+".visual.page", check.Visual.Page)
		}
	}
	if !gated {
		c.report("steadyState", "has no check with gate: true, so a system that is down would be broken further", "")
	}
}

// method allows one fault: one experiment at a time.
func (c *checker) method(s *Scenario) {
	if len(s.Method) != 1 {
		c.report("method", fmt.Sprintf("has %d faults; a scenario has one", len(s.Method)), "")
		return
	}
	action := s.Method[0]
	if kinds := []string{"kill", "freeze", "cut"}; !slices.Contains(kinds, action.Fault.Kind) {
		c.report("method[0].fault.kind", fmt.Sprintf("%q is no fault", action.Fault.Kind), "choose from "+strings.Join(kinds, ", "))
	}
	if action.Fault.Zone == "" && action.Fault.Component == "" {
		c.report("method[0].fault", "names neither zone nor component: it would break everything", "")
	}
	c.positive("method[0].at", action.At)
	c.positive("method[0].for", action.For)
	if s.Load.Duration <= action.At+action.For {
		c.report("load.duration", fmt.Sprintf("%s ends before the fault is reverted at %s, so recovery would not be seen by any login",
			s.Load.Duration, action.At+action.For), "")
	}
}

func (c *checker) stop(key string, stop Stop) {
	c.one(key, stop)
	switch {
	case stop.FailedLogins != nil:
		c.between(key+".failedLogins.above", stop.FailedLogins.Above, 0, 1)
		c.positive(key+".failedLogins.for", stop.FailedLogins.For)
	case stop.NoLogin != nil:
		c.positive(key+".noLogin.for", stop.NoLogin.For)
	}
}

// names must differ: a verdict with two lines of one name cannot be read.
func (c *checker) names(s *Scenario) {
	seen := make(map[string]bool)
	check := func(key, name string) {
		if name != "" && seen[name] {
			c.report(key, fmt.Sprintf("%q is the name of another line", name), "")
		}
		seen[name] = true
	}
	for i, state := range s.SteadyState {
		check(fmt.Sprintf("steadyState[%d].name", i), state.Name)
	}
	for i, expectation := range s.Expect {
		check(fmt.Sprintf("expect[%d].name", i), expectation.Name)
	}
}

// one demands that exactly one kind is set.
func (c *checker) one(key string, value any) {
	set, all := kindsOf(value)
	if len(set) == 1 {
		return
	}
	problem := "says nothing to check"
	if len(set) > 1 {
		problem = "has several kinds: " + strings.Join(set, ", ")
	}
	c.report(key, problem, "write exactly one of "+strings.Join(all, ", "))
}

func (c *checker) text(key, value string) {
	if strings.TrimSpace(value) == "" {
		c.report(key, "is missing", "")
	}
}

func (c *checker) positive(key string, value time.Duration) {
	if value <= 0 {
		c.report(key, "is missing or not positive", "write a duration such as 30s")
	}
}

func (c *checker) between(key string, value, low, high float64) {
	if value < low || value > high {
		c.report(key, fmt.Sprintf("%g is outside %g to %g", value, low, high), "")
	}
}

func (c *checker) pattern(key, pattern string) {
	c.text(key, pattern)
	if _, err := path.Match(pattern, ""); err != nil {
		c.report(key, fmt.Sprintf("%q is no pattern", pattern), "")
	}
}
