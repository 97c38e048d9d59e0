package main

import (
	"context"
	"sync"
	"time"

	"tocsin/dashboards/badge"
	"tocsin/dashboards/console"
	"tocsin/internal/verdict"
	"tocsin/probes/checkpoint/receiver"
	"tocsin/probes/history"
	"tocsin/probes/quorum"
)

// past shows history to the console and to badges.
type past struct {
	history *history.History
	target  string

	mu     sync.Mutex
	caught time.Time
}

// caughtUpFor is how long history counts as up to date: pages of others may ask
// for badges many times a second.
const caughtUpFor = 2 * time.Second

func (p *past) catchUp(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.caught) < caughtUpFor {
		return nil
	}
	if err := p.history.CatchUp(ctx); err != nil {
		return err
	}
	p.caught = time.Now()
	return nil
}

// Runs implements console.Past.
func (p *past) Runs(ctx context.Context, filter console.RunFilter) ([]console.PastRun, error) {
	if err := p.catchUp(ctx); err != nil {
		return nil, err
	}
	wanted := history.Filter{
		Target: p.target, Probe: filter.Probe, Checkpoint: filter.Checkpoint, Reason: filter.Reason, Since: filter.Since, Limit: filter.Limit,
	}
	if filter.Verdict != "" {
		wanted.Verdicts = []verdict.Verdict{filter.Verdict}
	}
	runs, err := p.history.Runs(ctx, wanted)
	if err != nil {
		return nil, err
	}
	all := make([]console.PastRun, 0, len(runs))
	for _, run := range runs {
		all = append(all, console.PastRun{
			At: run.At, Checkpoint: run.Checkpoint, Verdict: run.Verdict, Reason: run.Reason, Step: run.FailedStep, Detail: run.Detail,
			MS: run.MS, Times: run.Times, Maintenance: run.Maintenance, RunID: run.RunID, Evidence: run.Evidence,
		})
	}
	return all, nil
}

// Months implements console.Past.
func (p *past) Months(ctx context.Context, probe string, months int, now time.Time) ([]console.PastMonth, error) {
	if err := p.catchUp(ctx); err != nil {
		return nil, err
	}
	var all []console.PastMonth
	first, _ := history.Month(now.UTC().Year(), now.UTC().Month())
	for back := range months {
		from := first.AddDate(0, -back, 0)
		uptimes, err := p.history.Uptimes(ctx, history.Selection{Target: p.target, Probe: probe, From: from, Until: from.AddDate(0, 1, 0)}, false, now)
		if err != nil {
			return nil, err
		}
		for _, one := range uptimes {
			if one.Runs()+one.Maintenance.Runs() > 0 {
				all = append(all, monthOf(from, one))
			}
		}
	}
	return all, nil
}

func monthOf(from time.Time, one history.Uptime) console.PastMonth {
	month := console.PastMonth{
		Month: from.Format("2006-01"), Uptime: one.Uptime, AtLeast: one.AtLeast, Unknown: one.UnknownShare, Missing: one.MissingShare,
		DownSeconds: one.DowntimeSeconds, MaintenanceSeconds: one.MaintenanceSeconds, Runs: one.Runs(), P50MS: one.P50MS, P95MS: one.P95MS,
	}
	for _, day := range one.Days {
		month.Days = append(month.Days, console.PastDay{Date: day.Date, Uptime: day.Uptime, Bad: day.Bad, Maintenance: day.Maintenance.Runs()})
	}
	return month
}

// uptime is what a badge shows.
func (p *past) uptime(ctx context.Context, probe string, back time.Duration) (badge.Uptime, error) {
	if err := p.catchUp(ctx); err != nil {
		return badge.Uptime{}, err
	}
	recent, err := p.history.Recent(ctx, probe, back, time.Now())
	return badge.Uptime{Share: recent.Uptime, Seen: 1 - recent.UnknownShare - recent.MissingShare}, err
}

// live is what the parts of the daemon tell the console of now.
func (d *daemon) live() console.Live {
	live := console.Live{Votes: d.votes, Heartbeats: d.heartbeats}
	if d.options.gathering.listen != "" {
		live.Checkpoints = d.checkpoints
	}
	return live
}

func (d *daemon) checkpoints(ctx context.Context) ([]console.CheckpointSummary, error) {
	names, err := enrolledNames(d.app.authority(d.options.gathering.keys))
	if err != nil {
		return nil, err
	}
	rows, err := receiver.List(ctx, d.events, names, time.Now())
	if err != nil {
		return nil, err
	}
	all := make([]console.CheckpointSummary, 0, len(rows))
	for _, row := range rows {
		all = append(all, console.CheckpointSummary{
			Name: row.Checkpoint, State: row.State, LastSeen: row.LastSeen, Buffered: row.Buffered, Dropped: row.Dropped, OtherPlan: row.Drift,
			Version: row.Version, PerMinute: row.ResultsPerMinute, LagSeconds: row.LagSeconds,
		})
	}
	return all, nil
}

func (d *daemon) votes() []console.VoteSummary {
	var all []console.VoteSummary
	for _, standing := range d.gathered.watch.Standings() {
		vote := console.VoteSummary{
			Probe: standing.Probe, Up: standing.Tally.Up, Down: standing.Tally.Down, Silent: standing.Tally.Silent,
			Alone: standing.Alone, Decided: standing.Decision != quorum.Unknown,
		}
		if standing.Outage != nil {
			vote.Outage = &standing.Outage.Since
		}
		all = append(all, vote)
	}
	return all
}

func (d *daemon) heartbeats() []console.HeartbeatSummary {
	var all []console.HeartbeatSummary
	for _, one := range d.book.List() {
		summary := console.HeartbeatSummary{
			Name: one.Name, State: string(one.State), Verdict: one.Verdict, Detail: one.Detail, Deadline: one.Deadline, Running: one.Running,
			Every: time.Duration(one.EverySeconds * float64(time.Second)), Grace: time.Duration(one.GraceSeconds * float64(time.Second)),
		}
		if one.Last != nil {
			summary.Last, summary.Seconds = &one.Last.At, one.Last.DurationSeconds
		}
		all = append(all, summary)
	}
	return all
}
