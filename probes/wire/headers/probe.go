package headers

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// New makes the probe of that name.
func New(base journey.Config, name string, c Config) (probes.Probe, error) {
	if err := journey.Problems(c.Check); err != nil {
		return nil, fmt.Errorf("header check %s: %w", name, err)
	}
	// The plan's list stays as it is.
	c.Routes = slices.Clone(c.Routes)
	if *c.ErrorPages {
		c.Routes = append(c.Routes, errorPages(c.Routes[0])...)
	}
	if base.AttemptTimeout == 0 {
		base.AttemptTimeout = time.Duration(len(c.Routes))*time.Second + 10*time.Second
	}
	return journey.New(base, journey.Spec{
		Name: name, About: fmt.Sprintf("judges the security headers of %d routes at %s", len(c.Routes), c.URL),
		Every: 5 * time.Minute,
		Walk:  func(ctx context.Context, run *journey.Run) error { return c.walk(ctx, run) },
	})
}

// noSuchPage is a path that no system has, the same at every run so that logs
// show where it comes from.
const noSuchPage = "/tocsin-asks-for-a-page-that-does-not-exist"

// errorPages are what a framework or gateway answers by itself, where headers
// that an application sets are forgotten first.
func errorPages(known Route) []Route {
	return []Route{
		{Path: noSuchPage, Method: http.MethodGet, Status: []int{http.StatusNotFound, http.StatusForbidden, http.StatusGone}},
		{Path: known.Path, Method: "TOCSIN", Status: []int{
			http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound,
		}},
	}
}

// walk asks every route, also after one that is wrong, and blames the first.
func (c *Config) walk(ctx context.Context, run *journey.Run) error {
	var first string
	var found []string
	for i := range c.Routes {
		route := &c.Routes[i]
		var violations []Violation
		err := run.Take(ctx, route.name(), func(ctx context.Context) (err error) {
			violations, err = c.visit(ctx, run, route)
			return err
		})
		if err != nil && len(violations) == 0 {
			return err // not answered as asked: there is nothing to judge
		}
		for _, violation := range violations {
			found = append(found, fmt.Sprintf("%s: %s", route.name(), violation))
		}
		if first == "" && len(violations) > 0 {
			first = route.name()
		}
	}
	run.Figure("header_routes_count", float64(len(c.Routes)))
	run.Figure("header_violations_count", float64(len(found)))
	if len(found) == 0 {
		return nil
	}
	run.Result().FailedStep = first
	return exchange.Brokenf(verdict.Header, "%s", sumUp(found))
}

// sumUp puts the findings into one sentence. Each stands whole in the notes of
// its step.
func sumUp(found []string) string {
	const most = 5
	if len(found) <= most {
		return strings.Join(found, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(found[:most], "; "), len(found)-most)
}

// visit asks one route. Its error is a failure of the exchange, or of the
// header kind together with the violations.
func (c *Config) visit(ctx context.Context, run *journey.Run, route *Route) ([]Violation, error) {
	request, err := route.request(ctx, c.URL)
	if err != nil {
		return nil, err
	}
	reply, err := run.Send(ctx, request)
	if err != nil {
		return nil, err
	}
	if !route.expects(reply.Status) {
		if len(route.Status) > 0 {
			return nil, exchange.Unexpected(reply, fmt.Sprintf("the plan says %v", route.Status))
		}
		return nil, exchange.Unexpected(reply, "")
	}
	violations := judge(c.Limits, answer{
		https: request.URL.Scheme == "https", status: reply.Status, header: reply.Header, body: reply.Body, token: route.Token,
	}, slices.Concat(c.Except, route.Except))
	if len(violations) == 0 {
		return nil, nil
	}
	var lines []string
	for _, violation := range violations {
		run.Note("%s (rule %s)", violation, violation.Rule)
		lines = append(lines, violation.String())
	}
	return violations, exchange.Brokenf(verdict.Header, "%s", sumUp(lines))
}

func (r *Route) expects(status int) bool {
	if len(r.Status) == 0 {
		return status < http.StatusBadRequest
	}
	return slices.Contains(r.Status, status)
}

func (r *Route) request(ctx context.Context, base string) (*http.Request, error) {
	address, err := r.address(base)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, address.String(), strings.NewReader(r.Body))
	if err != nil {
		return nil, fmt.Errorf("ask route %s: %w", r.name(), err)
	}
	request.Header.Set("Accept", journey.AcceptHTML)
	if r.Body != "" {
		request.Header.Set("Content-Type", contentType(r.Body))
	}
	for name, value := range r.Headers {
		request.Header.Set(name, value)
	}
	return request, nil
}

// contentType of a body in a plan: a form, unless it is plainly JSON.
func contentType(body string) string {
	if strings.HasPrefix(strings.TrimSpace(body), "{") {
		return "application/json"
	}
	if _, err := url.ParseQuery(body); err != nil {
		return "text/plain"
	}
	return "application/x-www-form-urlencoded"
}
