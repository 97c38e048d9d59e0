package heartbeat

import (
	"fmt"
	"time"

	"tocsin/internal/verdict"
)

// State is how a heartbeat stands.
type State string

// States of a heartbeat.
const (
	OnTime State = "on-time"
	// Late means past its interval, but within its grace.
	Late    State = "late"
	Missing State = "missing"
	// Waiting means that nothing can be said yet.
	Waiting State = "waiting"
	Failed  State = "failed"
)

// Standing is the state of a heartbeat with what follows from it.
type Standing struct {
	State    State           `json:"state"`
	Verdict  verdict.Verdict `json:"verdict"`
	Reason   verdict.Reason  `json:"reason"`
	Detail   string          `json:"detail"`
	Deadline time.Time       `json:"deadline"`
	// Running is since when the job says it has been at work; nil if it has not
	// said so, or has ended.
	Running *time.Time `json:"running,omitempty"`
}

// heard is what a job has said so far.
type heard struct {
	// ended is its last success or failure, and started its last start.
	ended, started *Report
	// since is from when on Tocsin has been listening for it.
	since time.Time
}

func (h *heard) take(report Report) {
	slot := &h.ended
	if report.State == Started {
		slot = &h.started
	}
	if *slot == nil || !report.At.Before((*slot).At) {
		*slot = &report
	}
}

// running is since when the job has been at work.
func (h *heard) running() *time.Time {
	if h.started == nil || h.ended != nil && !h.started.At.After(h.ended.At) {
		return nil
	}
	return &h.started.At
}

// judge says how a heartbeat stands at now.
func judge(c Config, h heard, now time.Time) Standing {
	s := silent(c, h, now)
	if h.ended != nil && !now.After(h.ended.At.Add(c.allowed())) {
		s = inTime(c, *h.ended, now)
	}
	if s.Running = h.running(); s.Running != nil {
		s.Detail += "; it says it has been running since " + stamp(*s.Running)
	}
	s.Verdict = s.Reason.Verdict()
	return s
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

func silent(c Config, h heard, now time.Time) Standing {
	last, from := "it has never reported", h.since
	if h.ended != nil {
		last = "it reported last at " + stamp(h.ended.At)
		if h.ended.At.After(from) {
			from = h.ended.At
		}
	}
	deadline := from.Add(c.allowed())
	if !now.After(deadline) {
		return Standing{State: Waiting, Reason: verdict.NoData, Deadline: deadline,
			Detail: fmt.Sprintf("nothing is known of %s: %s, and tocsin has listened only since %s; it has until %s", c.Name, last, stamp(h.since), stamp(deadline))}
	}
	return Standing{State: Missing, Reason: verdict.Overdue, Deadline: deadline,
		Detail: fmt.Sprintf("%s must report every %s (grace %s); %s, and its time ended at %s", c.Name, c.Every, c.Grace, last, stamp(deadline))}
}

func inTime(c Config, last Report, now time.Time) Standing {
	s := Standing{State: OnTime, Reason: verdict.OK, Deadline: last.At.Add(c.allowed())}
	ago := now.Sub(last.At).Round(time.Second)
	s.Detail = fmt.Sprintf("%s reported %s ago", c.Name, ago)
	if now.After(last.At.Add(c.Every)) {
		s.State = Late
		s.Detail = fmt.Sprintf("%s reported %s ago, later than every %s, but within its grace of %s", c.Name, ago, c.Every, c.Grace)
	}
	if last.State == Gone {
		s.State, s.Reason = Failed, verdict.Assertion
		s.Detail = fmt.Sprintf("%s reported at %s that it failed with exit code %d", c.Name, stamp(last.At), last.ExitCode)
		if last.Message != "" {
			s.Detail += ": " + last.Message
		}
	}
	return s
}
