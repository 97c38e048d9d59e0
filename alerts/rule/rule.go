// Package rule owns the shape of a Prometheus rules file and how it is written.
// What the rules say is decided by the packages that make them.
package rule

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// Labels and annotations that every alert carries.
const (
	LabelSeverity         = "severity"
	AnnotationSummary     = "summary"
	AnnotationDescription = "description"
	AnnotationRunbook     = "runbook_url"
)

// Severity says who is woken. The words are those of the monitoring mixins.
type Severity string

const (
	// Critical wakes a person now.
	Critical Severity = "critical"
	// Warning waits for the working day.
	Warning Severity = "warning"
	// None wakes nobody; the alert itself is the information.
	None Severity = "none"
)

// Duration is written as Prometheus writes it: 28d, 1h, 5m.
type Duration time.Duration

// String renders d in the largest units that fit, up to days: a period of 28d
// stays 28d and does not become 4w.
func (d Duration) String() string {
	const day = 24 * time.Hour
	if days := time.Duration(d) / day; days > 0 && time.Duration(d)%day == 0 {
		return fmt.Sprintf("%dd", days)
	}
	return model.Duration(d).String()
}

// MarshalText renders d as a string, in YAML and in JSON.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Rule is one recording rule (Record set) or alerting rule (Alert set).
type Rule struct {
	Record      string            `yaml:"record,omitempty" json:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty" json:"alert,omitempty"`
	Expr        string            `yaml:"expr" json:"expr"`
	For         Duration          `yaml:"for,omitempty" json:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty" json:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty" json:"annotations,omitempty"`
}

// Group is evaluated in order, every Interval; 0 is Prometheus' own interval.
type Group struct {
	Name     string   `yaml:"name" json:"name"`
	Interval Duration `yaml:"interval,omitempty" json:"interval,omitempty"`
	Rules    []Rule   `yaml:"rules" json:"rules"`
}

// File is a whole rules file.
type File struct {
	Groups []Group `yaml:"groups" json:"groups"`
}

// Alert is what a person is told.
type Alert struct {
	Name        string
	Severity    Severity
	Expr        string
	For         time.Duration
	Labels      map[string]string
	Summary     string
	Description string
}

// Rule renders a with the address of its runbook, which is named like it.
func (a Alert) Rule(runbookBase string) Rule {
	labels := map[string]string{LabelSeverity: string(a.Severity)}
	for name, value := range a.Labels {
		labels[name] = value
	}
	return Rule{
		Alert:  a.Name,
		Expr:   a.Expr,
		For:    Duration(a.For),
		Labels: labels,
		Annotations: map[string]string{
			AnnotationSummary:     a.Summary,
			AnnotationDescription: a.Description,
			AnnotationRunbook:     runbookBase + a.Name,
		},
	}
}

// Alerts returns the alerting rules of f in order.
func (f File) Alerts() []Rule {
	var alerts []Rule
	for _, group := range f.Groups {
		for _, rule := range group.Rules {
			if rule.Alert != "" {
				alerts = append(alerts, rule)
			}
		}
	}
	return alerts
}

// AlertNames returns the name of every alert once, sorted.
func (f File) AlertNames() []string {
	var names []string
	for _, alert := range f.Alerts() {
		names = append(names, alert.Alert)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

const header = "# Written by `tocsin alerts apply`; changes made here are lost.\n"

// YAML renders f as Prometheus reads it. The same rules give the same bytes.
func (f File) YAML() ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(header)
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(f); err != nil {
		return nil, fmt.Errorf("write rules: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("write rules: %w", err)
	}
	return out.Bytes(), nil
}

// maxDigits is more than a float64 can tell apart.
const maxDigits = 20

// Decimal writes number without an exponent: exactly where it has a finite
// expansion of up to 20 digits, else rounded there.
func Decimal(number *big.Rat) string {
	digits, exact := number.FloatPrec()
	if !exact || digits > maxDigits {
		digits = maxDigits
	}
	return number.FloatString(digits)
}
