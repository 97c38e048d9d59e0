package maintenance_test

import (
	"strings"
	"testing"
	"time"

	"tocsin/probes/maintenance"
)

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func calendar(t *testing.T, windows ...maintenance.Config) *maintenance.Calendar {
	t.Helper()
	made, err := maintenance.New(windows)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// In 2026, clocks in Oslo skip from 02:00 to 03:00 on 29 March (01:00 UTC) and
// go back from 03:00 to 02:00 on 25 October (01:00 UTC).
func TestWindowsAreRightAroundTheChangesOfTheClock(t *testing.T) {
	sunday := maintenance.Config{Weekdays: []string{"Sunday"}, TimeZone: "Europe/Oslo"}
	cases := map[string]struct {
		at, to   string
		length   time.Duration
		day      string
		from, by string
	}{
		"in winter":                                 {at: "01:00", to: "04:00", day: "2026-03-22", from: "2026-03-22T00:00:00Z", by: "2026-03-22T03:00:00Z"},
		"in summer":                                 {at: "01:00", to: "04:00", day: "2026-04-05", from: "2026-04-04T23:00:00Z", by: "2026-04-05T02:00:00Z"},
		"across the skipped hour, by the clock":     {at: "01:00", to: "04:00", day: "2026-03-29", from: "2026-03-29T00:00:00Z", by: "2026-03-29T02:00:00Z"},
		"across the skipped hour, by length":        {at: "01:00", length: 3 * time.Hour, day: "2026-03-29", from: "2026-03-29T00:00:00Z", by: "2026-03-29T03:00:00Z"},
		"inside the skipped hour":                   {at: "02:15", to: "02:45", day: "2026-03-29", from: "2026-03-29T01:15:00Z", by: "2026-03-29T01:45:00Z"},
		"begins in the skipped hour":                {at: "02:30", length: time.Hour, day: "2026-03-29", from: "2026-03-29T01:30:00Z", by: "2026-03-29T02:30:00Z"},
		"ends in the skipped hour":                  {at: "01:30", to: "02:30", day: "2026-03-29", from: "2026-03-29T00:30:00Z", by: "2026-03-29T01:30:00Z"},
		"across the doubled hour, by the clock":     {at: "01:00", to: "04:00", day: "2026-10-25", from: "2026-10-24T23:00:00Z", by: "2026-10-25T03:00:00Z"},
		"across the doubled hour, by length":        {at: "01:00", length: 3 * time.Hour, day: "2026-10-25", from: "2026-10-24T23:00:00Z", by: "2026-10-25T02:00:00Z"},
		"inside the doubled hour is its first half": {at: "02:15", to: "02:45", day: "2026-10-25", from: "2026-10-25T00:15:00Z", by: "2026-10-25T00:45:00Z"},
		"begins in the doubled hour":                {at: "02:30", to: "03:30", day: "2026-10-25", from: "2026-10-25T00:30:00Z", by: "2026-10-25T02:30:00Z"},
		"over midnight":                             {at: "23:00", to: "01:00", day: "2026-06-07", from: "2026-06-07T21:00:00Z", by: "2026-06-07T23:00:00Z"},
		"over midnight into the change":             {at: "23:30", length: 4 * time.Hour, day: "2026-10-18", from: "2026-10-18T21:30:00Z", by: "2026-10-19T01:30:00Z"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			config := sunday
			config.Name, config.At, config.To, config.For = "patching", tc.at, tc.to, tc.length
			day := instant(t, tc.day+"T00:00:00Z")
			var got []maintenance.Occurrence
			for _, one := range calendar(t, config).Between(day.Add(-12*time.Hour), day.Add(36*time.Hour)) {
				if one.Until.After(day.Add(-time.Hour)) {
					got = append(got, one)
				}
			}
			if len(got) != 1 || !got[0].From.Equal(instant(t, tc.from)) || !got[0].Until.Equal(instant(t, tc.by)) {
				t.Errorf("got %v, want %s to %s", got, tc.from, tc.by)
			}
		})
	}
}

// A zone with its change at midnight, and one with half an hour: nothing may
// hang on the hours of Europe.
func TestWindowsAreRightInOtherZones(t *testing.T) {
	cases := map[string]struct{ zone, at, to, day, from, by string }{
		"Havana skips midnight":          {"America/Havana", "00:30", "02:00", "2026-03-08", "2026-03-08T05:30:00Z", "2026-03-08T06:00:00Z"},
		"Lord Howe moves half an hour":   {"Australia/Lord_Howe", "02:15", "03:00", "2026-10-04", "2026-10-03T15:45:00Z", "2026-10-03T16:00:00Z"},
		"Kathmandu is 5:45 ahead":        {"Asia/Kathmandu", "02:00", "03:00", "2026-06-07", "2026-06-06T20:15:00Z", "2026-06-06T21:15:00Z"},
		"without a zone, times are UTC":  {"", "02:00", "03:00", "2026-06-07", "2026-06-07T02:00:00Z", "2026-06-07T03:00:00Z"},
		"Kiritimati is a day ahead":      {"Pacific/Kiritimati", "02:00", "03:00", "2026-06-07", "2026-06-06T12:00:00Z", "2026-06-06T13:00:00Z"},
		"Pago Pago is half a day behind": {"Pacific/Pago_Pago", "20:00", "21:00", "2026-06-07", "2026-06-08T07:00:00Z", "2026-06-08T08:00:00Z"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			made := calendar(t, maintenance.Config{Name: "patching", Weekdays: []string{"sunday"}, TimeZone: tc.zone, At: tc.at, To: tc.to})
			day := instant(t, tc.day+"T00:00:00Z")
			got := made.Between(day.Add(-48*time.Hour), day.Add(48*time.Hour))
			if len(got) != 1 || !got[0].From.Equal(instant(t, tc.from)) || !got[0].Until.Equal(instant(t, tc.by)) {
				t.Errorf("got %v, want %s to %s", got, tc.from, tc.by)
			}
		})
	}
}

func TestAWindowIsOpenFromItsStartToBeforeItsEnd(t *testing.T) {
	made := calendar(t,
		maintenance.Config{Name: "move", From: "2026-11-01T22:00", Until: "2026-11-02T02:00", TimeZone: "Europe/Oslo"},
		maintenance.Config{Name: "zone a", Zones: []string{"a"}, Probes: []string{"zone-*"}, From: "2026-11-01T21:30:00Z", Until: "2026-11-01T23:00:00+01:00"},
	)
	cases := map[string]struct {
		subject maintenance.Subject
		at      string
		want    string
	}{
		"before":                 {maintenance.Subject{Probe: "login"}, "2026-11-01T20:59:59Z", ""},
		"at the start":           {maintenance.Subject{Probe: "login"}, "2026-11-01T21:00:00Z", "move"},
		"at the last instant":    {maintenance.Subject{Probe: "login"}, "2026-11-02T00:59:59Z", "move"},
		"at the end":             {maintenance.Subject{Probe: "login"}, "2026-11-02T01:00:00Z", ""},
		"two at once":            {maintenance.Subject{Probe: "zone-a", Zone: "a"}, "2026-11-01T21:45:00Z", "move, zone a"},
		"another zone":           {maintenance.Subject{Probe: "zone-b", Zone: "b"}, "2026-11-01T21:45:00Z", "move"},
		"another probe":          {maintenance.Subject{Probe: "login", Zone: "a"}, "2026-11-01T21:45:00Z", "move"},
		"years before the cache": {maintenance.Subject{Probe: "login"}, "2020-11-01T21:45:00Z", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := made.Active(tc.subject, instant(t, tc.at)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	if got := (*maintenance.Calendar)(nil).Active(maintenance.Subject{Probe: "login"}, instant(t, "2026-11-01T22:00:00Z")); got != "" {
		t.Errorf("no calendar has the window %q", got)
	}
}

func TestRecurrence(t *testing.T) {
	cases := map[string]struct {
		config maintenance.Config
		want   string
	}{
		"on weekdays": {maintenance.Config{Weekdays: []string{"tuesday", "thursday"}},
			"01 06 08 13 15 20 22 27 29"},
		"on days of the month": {maintenance.Config{MonthDays: []int{1, 15, -1}}, "01 15 31"},
		"on the first Sunday":  {maintenance.Config{RRule: "FREQ=MONTHLY;BYDAY=1SU"}, "04"},
		"on the last working day": {maintenance.Config{RRule: "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"},
			"30"},
		"every other Wednesday":   {maintenance.Config{RRule: "FREQ=WEEKLY;INTERVAL=2;BYDAY=WE", Starting: "2026-09-23"}, "07 21"},
		"three times":             {maintenance.Config{RRule: "FREQ=DAILY;COUNT=3", Starting: "2026-10-10"}, "10 11 12"},
		"from a day to a day":     {maintenance.Config{RRule: "FREQ=DAILY", Starting: "2026-10-10", Ending: "2026-10-12"}, "10 11 12"},
		"not on the excepted day": {maintenance.Config{Weekdays: []string{"sunday"}, Except: []string{"2026-10-18"}}, "04 11 25"},
		"once a year":             {maintenance.Config{RRule: "FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=24"}, "24"},
		"a day October lacks":     {maintenance.Config{RRule: "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.config.Name, tc.config.At, tc.config.For = "patching", "03:00", time.Hour
			var days []string
			for _, one := range calendar(t, tc.config).Between(instant(t, "2026-10-01T00:00:00Z"), instant(t, "2026-11-01T00:00:00Z")) {
				days = append(days, one.From.Format("02"))
			}
			if got := strings.Join(days, " "); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestWhatIsWrongIsNamedWithItsKey(t *testing.T) {
	good := maintenance.Config{Name: "patching", Weekdays: []string{"sunday"}, At: "02:00", For: time.Hour}
	with := func(change func(*maintenance.Config)) maintenance.Config {
		config := good
		change(&config)
		return config
	}
	type config = maintenance.Config
	cases := map[string]struct {
		config config
		want   string
	}{
		"no name":             {with(func(c *config) { c.Name = " " }), "[0].name: is missing"},
		"no recurrence":       {with(func(c *config) { c.Weekdays = nil }), "[0].weekdays: 0 of weekdays, month_days and rrule"},
		"two recurrences":     {with(func(c *config) { c.RRule = "FREQ=DAILY" }), "[0].weekdays: 2 of"},
		"a mistyped weekday":  {with(func(c *config) { c.Weekdays = []string{"monday", "sundey"} }), `[0].weekdays[1]: "sundey" is no weekday; did you mean "sunday"?`},
		"a day of no month":   {with(func(c *config) { c.Weekdays, c.MonthDays = nil, []int{32} }), "[0].month_days[0]: 32"},
		"no time zone":        {with(func(c *config) { c.TimeZone = "Europe/Olso" }), `[0].time_zone: "Europe/Olso"`},
		"the zone of nowhere": {with(func(c *config) { c.TimeZone = "Local" }), `[0].time_zone: "Local"`},
		"no time of day":      {with(func(c *config) { c.At = "" }), "[0].at: is missing"},
		"a bad time of day":   {with(func(c *config) { c.At = "24:30" }), `[0].at: "24:30"`},
		"two ends":            {with(func(c *config) { c.To = "03:00" }), "[0].for: to says already"},
		"no end":              {with(func(c *config) { c.For = 0 }), "[0].for: 0s"},
		"too long":            {with(func(c *config) { c.For = 200 * time.Hour }), "[0].for: 200h"},
		"a bad pattern":       {with(func(c *config) { c.Probes = []string{"login", "zone-["} }), "[0].probes[1]:"},
		"a rule of hours":     {with(func(c *config) { c.Weekdays, c.RRule = nil, "FREQ=HOURLY" }), "[0].rrule: FREQ=HOURLY"},
		"an unknown part":     {with(func(c *config) { c.Weekdays, c.RRule = nil, "FREQ=DAILY;BYHOUR=3" }), `[0].rrule: "BYHOUR=3"`},
		"an end in the rule":  {with(func(c *config) { c.Weekdays, c.RRule = nil, "FREQ=DAILY;UNTIL=20261101" }), `[0].rrule: "UNTIL=20261101"`},
		"a part twice":        {with(func(c *config) { c.Weekdays, c.RRule = nil, "FREQ=DAILY;FREQ=DAILY" }), "[0].rrule: FREQ is given twice"},
		"a vague month":       {with(func(c *config) { c.Weekdays, c.RRule = nil, "FREQ=MONTHLY" }), "[0].starting: is missing"},
		"a count from when":   {with(func(c *config) { c.Weekdays, c.RRule = nil, "FREQ=DAILY;COUNT=3" }), "[0].starting: is missing"},
		"a day nobody has":    {with(func(c *config) { c.Weekdays, c.RRule = nil, "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30" }), "[0].rrule: there is no such day"},
		"a number too large":  {with(func(c *config) { c.Weekdays, c.RRule = nil, "FREQ=MONTHLY;BYMONTHDAY=77" }), "[0].rrule: "},
		"ends before it is":   {with(func(c *config) { c.Starting, c.Ending = "2026-02-01", "2026-01-01" }), "[0].ending: 2026-01-01 is before"},
		"an exception of no day": {with(func(c *config) { c.Except = []string{"christmas"} }),
			`[0].except[0]: "christmas" is no day`},
		"an end without a start": {config{Name: "move", Until: "2026-11-02T02:00"}, "[0].from: is missing"},
		"an end before its start": {config{Name: "move", From: "2026-11-02T02:00", Until: "2026-11-02T01:00"},
			"[0].until: 2026-11-02T01:00 is not after from"},
		"once and again": {with(func(c *config) { c.From, c.Until = "2026-11-02T02:00", "2026-11-02T03:00" }), "[0].weekdays: belongs to a window that recurs"},
		"no instant":     {config{Name: "move", From: "tomorrow", Until: "2026-11-02T01:00"}, `[0].from: "tomorrow" is no time`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := maintenance.New([]maintenance.Config{tc.config})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
	twice := maintenance.Check([]maintenance.Config{good, good})
	if len(twice) != 1 || twice[0].Key != "[1].name" {
		t.Errorf("two windows of one name: %v", twice)
	}
	if problems := maintenance.Check([]maintenance.Config{good}); len(problems) > 0 {
		t.Errorf("a good window has %v", problems)
	}
}

// Whatever a rule says, building and asking ends, and what is found is in
// order and within reach.
func FuzzRule(f *testing.F) {
	for _, rule := range []string{"FREQ=MONTHLY;BYDAY=1SU", "FREQ=WEEKLY;INTERVAL=2;BYDAY=WE", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "FREQ=DAILY;COUNT=3;BYSETPOS=-1"} {
		f.Add(rule, "02:30", "03:30")
	}
	from := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, rule, at, to string) {
		made, err := maintenance.New([]maintenance.Config{{Name: "fuzz", RRule: rule, At: at, To: to, TimeZone: "Europe/Oslo", Starting: "2026-01-01"}})
		if err != nil {
			return
		}
		last := time.Time{}
		for _, one := range made.Between(from, from.AddDate(0, 2, 0)) {
			if !one.Until.After(one.From) || one.Until.Sub(one.From) > 26*time.Hour || one.From.Before(last) {
				t.Fatalf("%s %s-%s: %v", rule, at, to, one)
			}
			last = one.From
		}
	})
}

func BenchmarkActive(b *testing.B) {
	made, err := maintenance.New([]maintenance.Config{
		{Name: "patching", Weekdays: []string{"sunday"}, At: "02:00", For: time.Hour, TimeZone: "Europe/Oslo"},
		{Name: "backup", RRule: "FREQ=MONTHLY;BYDAY=1SU", At: "02:00", For: time.Hour, TimeZone: "Europe/Oslo"},
	})
	if err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, time.November, 1, 1, 30, 0, 0, time.UTC)
	for b.Loop() {
		made.Active(maintenance.Subject{Probe: "login"}, at)
	}
}
