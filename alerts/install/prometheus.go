package install

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"tocsin/alerts/rule"
)

// Prometheus evaluates the rules in RulesFile, a file of this machine.
type Prometheus struct {
	URL       string
	RulesFile string
	Client    *http.Client
}

// Apply writes rules, makes Prometheus load them, and checks that each is
// loaded. A file that Prometheus does not accept is put back as it was.
func (p Prometheus) Apply(ctx context.Context, rules rule.File) error {
	data, err := rules.YAML()
	if err != nil {
		return err
	}
	server := server{name: "Prometheus", url: p.URL, client: p.Client}
	return apply(ctx, server, p.RulesFile, data, func(ctx context.Context) error { return p.Verify(ctx, rules) })
}

// apply is what both servers have in common.
func apply(ctx context.Context, server server, path string, data []byte, verify func(context.Context) error) error {
	written, err := replace(path, data)
	if err != nil {
		return err
	}
	err = server.reload(ctx)
	if err == nil {
		err = verify(ctx)
	}
	if err == nil {
		return nil
	}
	if restoreErr := written.restore(); restoreErr != nil {
		return errors.Join(err, restoreErr)
	}
	// What made this fail may fail again; the first error is the one to report.
	if reloadErr := server.reload(context.WithoutCancel(ctx)); reloadErr != nil {
		return fmt.Errorf("%w (%s is as it was before, but %s has not read it again)", err, path, server.name)
	}
	return fmt.Errorf("%w (%s is as it was before)", err, path)
}

// loadedRules is the answer of GET /api/v1/rules.
type loadedRules struct {
	Data struct {
		Groups []loadedGroup `json:"groups"`
	} `json:"data"`
}

type loadedGroup struct {
	Name     string       `json:"name"`
	Interval float64      `json:"interval"`
	Rules    []loadedRule `json:"rules"`
}

type loadedRule struct {
	Type        string            `json:"type"`
	Name        string            `json:"name"`
	Duration    float64           `json:"duration"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	LastError   string            `json:"lastError"`
}

// Verify asks Prometheus whether every rule is loaded as written, and none is
// failing. It does not compare expressions: Prometheus formats them anew.
func (p Prometheus) Verify(ctx context.Context, rules rule.File) error {
	var loaded loadedRules
	server := server{name: "Prometheus", url: p.URL, client: p.Client}
	if err := server.get(ctx, "/api/v1/rules", &loaded); err != nil {
		return err
	}
	groups := make(map[string]loadedGroup, len(loaded.Data.Groups))
	for _, group := range loaded.Data.Groups {
		groups[group.Name] = group
	}
	for _, want := range rules.Groups {
		got, ok := groups[want.Name]
		if !ok {
			return fmt.Errorf("verify Prometheus: %w: rule group %s is not loaded; does rule_files of its configuration name %s?", ErrRefused, want.Name, p.RulesFile)
		}
		if err := sameGroup(want, got); err != nil {
			return fmt.Errorf("verify Prometheus: %w: group %s: %w", ErrRefused, want.Name, err)
		}
	}
	return nil
}

func sameGroup(want rule.Group, got loadedGroup) error {
	if interval := time.Duration(want.Interval).Seconds(); interval != 0 && interval != got.Interval {
		return fmt.Errorf("is evaluated every %gs, not every %s", got.Interval, want.Interval)
	}
	if len(got.Rules) != len(want.Rules) {
		return fmt.Errorf("has %d rules loaded, not %d", len(got.Rules), len(want.Rules))
	}
	for i, rule := range want.Rules {
		if err := sameRule(rule, got.Rules[i]); err != nil {
			return err
		}
	}
	return nil
}

func sameRule(want rule.Rule, got loadedRule) error {
	if name := want.Record + want.Alert; got.Name != name {
		return fmt.Errorf("rule %s is loaded as %s", name, got.Name)
	}
	if want.Alert != "" && got.Duration != time.Duration(want.For).Seconds() {
		return fmt.Errorf("alert %s waits %gs, not %s", want.Alert, got.Duration, want.For)
	}
	if !maps.Equal(want.Labels, got.Labels) || !maps.Equal(want.Annotations, got.Annotations) {
		return fmt.Errorf("rule %s has other labels or annotations", got.Name)
	}
	if got.LastError != "" {
		return fmt.Errorf("rule %s fails: %s", got.Name, got.LastError)
	}
	return nil
}
