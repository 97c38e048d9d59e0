package maintenance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"

	"tocsin/internal/strictyaml"
)

// longest is how long one occurrence of a recurring window may be.
const longest = 7 * 24 * time.Hour

// epoch is from when a recurring window without a starting day recurs. It is a
// Monday, so that weeks are whole.
var epoch = time.Date(2020, time.January, 6, 0, 0, 0, 0, time.UTC)

var weekdays = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

func (c *checker) recurring(config Config, zone *time.Location) recurring {
	built := recurring{zone: zone, length: config.For, except: make(map[time.Time]bool)}
	starting := epoch
	if config.Starting != "" {
		starting = c.day("starting", config.Starting)
	}
	option := c.rule(config)
	option.Dtstart = starting
	if config.Ending != "" {
		option.Until = c.day("ending", config.Ending)
		if option.Until.Before(starting) {
			c.report("ending", config.Ending+" is before the first day", "")
		}
	}
	for index, text := range config.Except {
		built.except[c.day(fmt.Sprintf("except[%d]", index), text)] = true
	}
	built.at = c.clock("at", config.At)
	c.length(config, &built)
	if len(c.problems) > 0 {
		return built
	}
	days, err := rrule.NewRRule(option)
	if err != nil {
		c.report("rrule", err.Error(), "")
		return built
	}
	if _, ok := days.Iterator()(); !ok {
		c.report("rrule", "there is no such day", "")
	}
	built.days = days
	return built
}

// rule is the recurrence in whole days.
func (c *checker) rule(config Config) rrule.ROption {
	given := 0
	for _, set := range []bool{len(config.Weekdays) > 0, len(config.MonthDays) > 0, config.RRule != ""} {
		if set {
			given++
		}
	}
	if given != 1 {
		c.report("weekdays", fmt.Sprintf("%d of weekdays, month_days and rrule are given", given), "give one of them, or from and until for a window that happens once")
		return rrule.ROption{}
	}
	switch {
	case config.RRule != "":
		return c.parseRule(config)
	case len(config.MonthDays) > 0:
		for index, day := range config.MonthDays {
			if day == 0 || day < -31 || day > 31 {
				c.report(fmt.Sprintf("month_days[%d]", index), fmt.Sprintf("%d is no day of a month", day), "1 to 31, or -1 for the last")
			}
		}
		return rrule.ROption{Freq: rrule.MONTHLY, Bymonthday: config.MonthDays}
	}
	option := rrule.ROption{Freq: rrule.WEEKLY}
	all := []rrule.Weekday{rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA, rrule.SU}
	for index, name := range config.Weekdays {
		at := slices.Index(weekdays, strings.ToLower(name))
		if at < 0 {
			hint := "one of " + strings.Join(weekdays, ", ")
			if near := strictyaml.Nearest(strings.ToLower(name), weekdays); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			c.report(fmt.Sprintf("weekdays[%d]", index), fmt.Sprintf("%q is no weekday", name), hint)
			continue
		}
		option.Byweekday = append(option.Byweekday, all[at])
	}
	return option
}

// ruleParts are the parts of RFC 5545, section 3.3.10, that choose days.
// UNTIL is written as ending, and times of day as at.
var ruleParts = []string{"FREQ", "INTERVAL", "COUNT", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "WKST"}

func (c *checker) parseRule(config Config) rrule.ROption {
	parts := make(map[string]string)
	for part := range strings.SplitSeq(config.RRule, ";") {
		name, value, ok := strings.Cut(part, "=")
		if !ok || !slices.Contains(ruleParts, name) || value == "" {
			c.report("rrule", fmt.Sprintf("%q is not understood", part), "parts such as FREQ=MONTHLY;BYDAY=1SU, out of "+strings.Join(ruleParts, ", "))
			return rrule.ROption{}
		}
		if _, repeated := parts[name]; repeated {
			c.report("rrule", name+" is given twice", "")
			return rrule.ROption{}
		}
		parts[name] = value
	}
	if !slices.Contains([]string{"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}, parts["FREQ"]) {
		c.report("rrule", fmt.Sprintf("FREQ=%s is not understood", parts["FREQ"]), "DAILY, WEEKLY, MONTHLY or YEARLY")
		return rrule.ROption{}
	}
	// What follows would hang on the day on which counting starts.
	counts := parts["COUNT"] != "" || parts["INTERVAL"] != "" && parts["INTERVAL"] != "1"
	vague := parts["FREQ"] != "DAILY" && parts["BYDAY"] == "" && parts["BYMONTHDAY"] == ""
	if (counts || vague) && config.Starting == "" {
		c.report("starting", "is missing: the rule counts from a day", "name the first day, such as 2026-01-04")
	}
	option, err := rrule.StrToROption(config.RRule)
	if err != nil {
		c.report("rrule", err.Error(), "")
		return rrule.ROption{}
	}
	return *option
}

func (c *checker) length(config Config, built *recurring) {
	switch {
	case config.To != "" && config.For != 0:
		c.report("for", "to says already when the window ends", "keep one of them")
	case config.To != "":
		built.to = c.clock("to", config.To)
		built.byClock = true
		if built.to <= built.at {
			built.to += 24 * time.Hour
		}
	case config.For <= 0 || config.For > longest:
		c.report("for", fmt.Sprintf("%s is no length of a window", config.For), fmt.Sprintf("more than 0s and at most %s; or the wall clock at its end as to", longest))
	}
}

func (c *checker) day(field, text string) time.Time {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil || day.Year() < 2000 || day.Year() > 2200 {
		c.report(field, fmt.Sprintf("%q is no day", text), "such as 2026-11-01")
		return epoch
	}
	return day
}

// clock is a time of day, as what has passed on the wall clock since midnight.
func (c *checker) clock(field, text string) time.Duration {
	parsed, err := time.Parse("15:04", text)
	if err != nil {
		problem, hint := fmt.Sprintf("%q is no time of day", text), "such as 02:00"
		if text == "" {
			problem = "is missing"
		}
		c.report(field, problem, hint)
		return 0
	}
	return time.Duration(parsed.Hour())*time.Hour + time.Duration(parsed.Minute())*time.Minute
}
