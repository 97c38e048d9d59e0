package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/oidc"
)

// check is one thing that is looked at.
type check struct {
	// name of the step.
	name string
	// module is the nearest one of the OpenID conformance suite; empty where
	// none is near.
	module string
	// skip says why the check does not apply; nil where it always does.
	skip func(*session) string
	// look makes the requests of the check and judges them. Its error is an
	// *exchange.Failure.
	look func(context.Context, *session) error
}

// session is one attempt.
type session struct {
	*oidc.Session
	accepted []string

	document document
	keys     []publishedKey
	// redeemed is the token request of the login, whose code is used up.
	redeemed map[string][]string

	findings []finding
	warnings []string
	taken    int
	skipped  int
}

// Named is a check by its names: that of its step, and that of the nearest
// module of the OpenID conformance suite, empty where none is near.
type Named struct{ Name, Module string }

// Checks lists every check in the order in which they are made.
func Checks() []Named {
	var all []Named
	for _, one := range slices.Concat(documentChecks(), keyChecks(), loginChecks()) {
		all = append(all, Named{one.name, one.module})
	}
	return all
}

// loginChecks are those after a login.
func loginChecks() []check {
	return slices.Concat(resourceChecks(), replayChecks(), clientChecks(), codeChecks(), requestChecks(), sessionChecks())
}

// finding is what one check has found wrong.
type finding struct {
	step    string
	failure *exchange.Failure
}

// run makes every check, whatever the others found. What it returns is the sum
// of the findings.
func (s *session) run(ctx context.Context, checks []check) error {
	for _, one := range checks {
		if why := one.why(s); why != "" {
			s.skipped++
			s.Skip(one.name, why)
			continue
		}
		s.taken++
		if err := s.try(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

func (c check) why(s *session) string {
	if c.skip == nil {
		return ""
	}
	return c.skip(s)
}

// try makes one check. A failure of the infrastructure, or of our own, is an
// error: it shows nothing about the provider's rules, and the attempt ends.
func (s *session) try(ctx context.Context, one check) error {
	var failure *exchange.Failure
	err := s.Take(ctx, one.name, func(ctx context.Context) error {
		err := one.look(ctx, s)
		if errors.As(err, &failure) && s.accepts(one.name, failure) {
			s.warnf("%s (accepted by the target file)", failure.Detail)
			failure = nil
			return nil
		}
		return err
	})
	if err == nil {
		return nil
	}
	if failure == nil || !lasting(failure) {
		return err
	}
	s.findings = append(s.findings, finding{one.name, failure})
	return nil
}

// lasting reports whether a failure says something about the provider's rules.
func lasting(failure *exchange.Failure) bool {
	return !failure.Reason.Transient() && failure.Reason.Verdict() == verdict.Fail
}

func (s *session) accepts(name string, failure *exchange.Failure) bool {
	return lasting(failure) && slices.Contains(s.accepted, name)
}

// warnf notes, in the step in progress, what no provider must do and most
// should.
func (s *session) warnf(format string, values ...any) {
	text := fmt.Sprintf(format, values...)
	s.Note("warning: %s", text)
	s.warnings = append(s.warnings, text)
}

// conclude is the end of a run whose checks were all made.
func (s *session) conclude() error {
	s.Figure("conformance_checks_total", float64(s.taken))
	s.Figure("conformance_skipped_total", float64(s.skipped))
	s.Figure("conformance_warnings_total", float64(len(s.warnings)))
	if len(s.findings) == 0 {
		s.Result().FailedStep = ""
		s.Remark(fmt.Sprintf("%d checks passed, %d do not apply", s.taken, s.skipped))
		if len(s.warnings) > 0 {
			s.Remark("warnings: " + strings.Join(s.warnings, "; "))
		}
		return nil
	}
	s.Result().FailedStep = s.findings[0].step
	if len(s.findings) == 1 {
		return s.findings[0].failure
	}
	texts := make([]string, len(s.findings))
	for index, one := range s.findings {
		texts[index] = one.step + ": " + one.failure.Detail
	}
	return exchange.Brokenf(s.findings[0].failure.Reason, "%d findings: %s", len(texts), strings.Join(texts, "; "))
}
