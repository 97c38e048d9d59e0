package maintenance

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

// Config is one window as people write it. It happens once (From, Until), or
// recurs by exactly one of Weekdays, MonthDays and RRule, from At for a time
// For or until the wall clock shows To.
type Config struct {
	// Name is what results and tables call the window.
	Name string `yaml:"name" json:"name"`
	// Probes it covers, as patterns such as zone-*; none means all.
	Probes []string `yaml:"probes" json:"probes,omitempty"`
	// Zones it covers; none means all. With Probes, both must match.
	Zones []string `yaml:"zones" json:"zones,omitempty"`
	// TimeZone is an IANA name such as Europe/Oslo. Default UTC.
	TimeZone string `yaml:"time_zone" json:"time_zone,omitempty"`

	// From and Until are RFC 3339, or wall clock such as 2026-11-01T22:00.
	From  string `yaml:"from" json:"from,omitempty"`
	Until string `yaml:"until" json:"until,omitempty"`

	// Weekdays are English names: sunday.
	Weekdays []string `yaml:"weekdays" json:"weekdays,omitempty"`
	// MonthDays are days of the month; -1 is its last. A month that lacks the
	// day has no window.
	MonthDays []int `yaml:"month_days" json:"month_days,omitempty"`
	// RRule is a recurrence of RFC 5545, section 3.3.10, in whole days.
	RRule string `yaml:"rrule" json:"rrule,omitempty"`
	// At and To are wall clock such as 02:00. A To that is not after At is on
	// the next day.
	At string `yaml:"at" json:"at,omitempty"`
	To string `yaml:"to" json:"to,omitempty"`
	// For is elapsed time, whatever clocks do meanwhile; at most a week.
	For time.Duration `yaml:"for" json:"for,omitempty"`
	// Starting and Ending are the first and the last day on which a recurring
	// window may begin; Except are days on which it does not.
	Starting string   `yaml:"starting" json:"starting,omitempty"`
	Ending   string   `yaml:"ending" json:"ending,omitempty"`
	Except   []string `yaml:"except" json:"except,omitempty"`
}

// Problem is one thing that is wrong with a list of windows. Key starts with
// the index in the list: [1].weekdays[0].
type Problem struct {
	Key, Text, Hint string
}

func (p Problem) Error() string {
	text := p.Key + ": " + p.Text
	if p.Hint != "" {
		text += "; " + p.Hint
	}
	return text
}

// Check reports all that is wrong with windows.
func Check(windows []Config) []Problem {
	_, problems := build(windows)
	return problems
}

// New makes the calendar of windows. Each part of its joined error is a
// Problem.
func New(windows []Config) (*Calendar, error) {
	built, problems := build(windows)
	if len(problems) == 0 {
		return &Calendar{windows: built}, nil
	}
	all := make([]error, 0, len(problems))
	for _, problem := range problems {
		all = append(all, problem)
	}
	return nil, errors.Join(all...)
}

func build(windows []Config) ([]window, []Problem) {
	var built []window
	var problems []Problem
	seen := make(map[string]bool)
	for index, config := range windows {
		c := checker{key: fmt.Sprintf("[%d]", index)}
		if seen[config.Name] {
			c.report("name", fmt.Sprintf("%q is the name of another window", config.Name), "give each a name of its own")
		}
		seen[config.Name] = true
		built = append(built, c.window(config))
		problems = append(problems, c.problems...)
	}
	return built, problems
}

// checker turns one window's text into values and collects what is wrong.
type checker struct {
	key      string
	problems []Problem
}

func (c *checker) report(field, text, hint string) {
	c.problems = append(c.problems, Problem{Key: c.key + "." + field, Text: text, Hint: hint})
}

func (c *checker) window(config Config) window {
	if strings.TrimSpace(config.Name) == "" {
		c.report("name", "is missing", "results and tables call the window by it")
	}
	for index, pattern := range config.Probes {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			c.report(fmt.Sprintf("probes[%d]", index), fmt.Sprintf("%q is no name and no pattern", pattern), "such as login or zone-*")
		}
	}
	built := window{config: config, zone: c.timeZone(config.TimeZone)}
	if config.From != "" || config.Until != "" {
		built.when = c.once(config, built.zone)
	} else {
		built.when = c.recurring(config, built.zone)
	}
	return built
}

func (c *checker) timeZone(name string) *time.Location {
	if name == "" {
		return time.UTC
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		c.report("time_zone", fmt.Sprintf("%q is no time zone", name), "use an IANA name such as Europe/Oslo")
		return time.UTC
	}
	return zone
}

func (c *checker) once(config Config, zone *time.Location) once {
	for field, set := range map[string]bool{
		"weekdays": len(config.Weekdays) > 0, "month_days": len(config.MonthDays) > 0, "rrule": config.RRule != "",
		"at": config.At != "", "to": config.To != "", "for": config.For != 0,
		"starting": config.Starting != "", "ending": config.Ending != "", "except": len(config.Except) > 0,
	} {
		if set {
			c.report(field, "belongs to a window that recurs", "from and until make one that happens once")
		}
	}
	from := c.instant("from", config.From, zone)
	until := c.instant("until", config.Until, zone)
	if !from.IsZero() && !until.IsZero() && !until.After(from) {
		c.report("until", config.Until+" is not after from", "")
	}
	return once{from: from, until: until}
}

// wallClock is an instant without an offset.
const wallClock = "2006-01-02T15:04"

func (c *checker) instant(field, text string, zone *time.Location) time.Time {
	if text == "" {
		c.report(field, "is missing", "from and until go together")
		return time.Time{}
	}
	if absolute, err := time.Parse(time.RFC3339, text); err == nil {
		return absolute.UTC()
	}
	wall, err := time.Parse(wallClock, text)
	if err != nil {
		c.report(field, fmt.Sprintf("%q is no time", text), "such as 2026-11-01T22:00, or with an offset 2026-11-01T22:00:00+01:00")
		return time.Time{}
	}
	return instantOf(wall, zone)
}
