package quorum

import (
	"slices"
	"strings"
	"time"

	"tocsin/internal/verdict"
)

// Judge decides about one probe. It is not safe for concurrent use.
type Judge struct {
	cfg   Config
	probe string

	votes map[string]Vote
	// failing is when the first run began of those in a row that failed.
	failing map[string]time.Time

	// decided is true once there was any decision but Unknown: before the first
	// votes nothing was lost.
	decided bool
	// unclear is since when nobody can tell, and lost is that this was told.
	unclear  time.Time
	lost     bool
	interval time.Duration
	open     *Open
	alone    []string
}

// NewJudge makes a judge. The outage is one that was declared before a restart
// and has not ended, or nil.
func NewJudge(cfg Config, probe string, outage *Open) *Judge {
	return &Judge{
		cfg: cfg, probe: probe, open: outage,
		votes: make(map[string]Vote), failing: make(map[string]time.Time),
	}
}

// Adopt makes others vote from now on. Votes of those that stay count on, and
// an open outage stays open.
func (j *Judge) Adopt(cfg Config) {
	j.cfg = cfg
	j.alone = slices.DeleteFunc(j.alone, func(name string) bool { return !slices.Contains(cfg.Checkpoints, name) })
}

// Standing is where a probe stands.
type Standing struct {
	Probe    string   `json:"probe"`
	Decision Decision `json:"decision"`
	Tally    Tally    `json:"tally"`
	// Outage is open until enough checkpoints have seen the target work: losing
	// sight of an outage does not end it.
	Outage *Open `json:"outage,omitempty"`
	// Alone are the checkpoints that see a failure others do not see.
	Alone []string `json:"alone,omitempty"`
}

// Standing returns where the probe stands at now.
func (j *Judge) Standing(now time.Time) Standing {
	tally := j.tally(now)
	return Standing{Probe: j.probe, Decision: j.cfg.Decide(tally), Tally: tally, Outage: j.open, Alone: slices.Clone(j.alone)}
}

// Cast takes a vote at now. A vote that is too old by then, older than what the
// checkpoint has said since, or of nobody who votes, changes nothing: what was
// declared, or not, stays as it was at its time.
func (j *Judge) Cast(vote Vote, now time.Time) []Change {
	if vote.Known.After(now) {
		vote.Known = now
	}
	if vote.Started.After(vote.Known) {
		vote.Started = vote.Known
	}
	known, voted := j.votes[vote.Checkpoint]
	counts := vote.measured() && vote.fresh(now) && slices.Contains(j.cfg.Checkpoints, vote.Checkpoint)
	if counts && (!voted || vote.newer(known)) {
		j.count(vote, known, voted)
	}
	return j.Look(now)
}

// count takes a vote over. Failures are in a row only while none is missing: a
// checkpoint that was silent in between begins anew.
func (j *Judge) count(vote, before Vote, voted bool) {
	inARow := voted && before.Verdict == verdict.Fail && before.fresh(vote.Known)
	switch {
	case vote.Verdict != verdict.Fail:
		delete(j.failing, vote.Checkpoint)
	case !inARow:
		j.failing[vote.Checkpoint] = vote.Started
	}
	j.votes[vote.Checkpoint] = vote
	j.interval = vote.Interval
}

// Look returns what has changed by now; votes grow stale without anybody
// voting.
func (j *Judge) Look(now time.Time) []Change {
	tally := j.tally(now)
	decision := j.cfg.Decide(tally)
	var changes []Change
	tell := func(kind Kind, names []string, sentence string) {
		changes = append(changes, Change{
			Kind: kind, Probe: j.probe, At: now, Outage: j.open.copy(), Checkpoints: slices.Clone(names),
			Tally: tally, Evidence: j.evidence(names), Sentence: sentence,
		})
	}
	j.lookAtQuorum(tally, decision, now, tell)
	j.lookAtOutage(tally, decision, now, tell)
	j.lookAtAlone(tally, decision, tell)
	return changes
}

// lookAtQuorum tells that nobody can tell, once that has lasted an interval:
// when one checkpoint is silent, the others contradict each other for a moment
// at the start and end of every outage.
func (j *Judge) lookAtQuorum(tally Tally, decision Decision, now time.Time, tell func(Kind, []string, string)) {
	if decision != Unknown {
		if j.lost {
			tell(Regained, nil, "it is known again about "+j.probe+": "+said(tally))
		}
		j.decided, j.lost, j.unclear = true, false, time.Time{}
		return
	}
	if j.unclear.IsZero() {
		j.unclear = now
	}
	if j.decided && !j.lost && now.Sub(j.unclear) >= j.interval {
		j.lost = true
		tell(Lost, tally.Silent, j.lostSentence(tally))
	}
}

func (j *Judge) lookAtOutage(tally Tally, decision Decision, now time.Time, tell func(Kind, []string, string)) {
	switch {
	case decision == Outage && j.open == nil:
		j.open = &Open{
			ID: j.probe + "-" + now.UTC().Format("20060102-150405.000"), Probe: j.probe,
			Since: j.since(tally.Down), Declared: now, ConfirmedBy: slices.Clone(tally.Down),
		}
		tell(Declared, tally.Down, j.declaredSentence(tally))
	case decision == Up && j.open != nil:
		tell(Ended, tally.Up, j.endedSentence(tally, now))
		j.open = nil
		// Those that have not looked since it ended are not alone in anything.
		for _, name := range tally.Down {
			j.failing[name] = now
		}
	case j.open != nil:
		more := slices.DeleteFunc(slices.Clone(tally.Down), func(name string) bool { return slices.Contains(j.open.ConfirmedBy, name) })
		if len(more) > 0 {
			j.open.ConfirmedBy = append(j.open.ConfirmedBy, more...)
			slices.Sort(j.open.ConfirmedBy)
			tell(Confirmed, more, j.confirmedSentence(more))
		}
	}
}

// lookAtAlone tells of checkpoints that see a failure which others do not see.
// Only those who looked after the failure began say anything about it: at the
// start of every outage, somebody is the first to see it.
func (j *Judge) lookAtAlone(tally Tally, decision Decision, tell func(Kind, []string, string)) {
	alone := []string(nil)
	if decision == Up && len(tally.Down) > 0 {
		after := tally
		after.Up = slices.DeleteFunc(slices.Clone(tally.Up), func(name string) bool {
			return slices.ContainsFunc(tally.Down, func(failing string) bool { return j.votes[name].Started.Before(j.failing[failing]) })
		})
		after.Silent = nil
		switch {
		case j.cfg.Decide(after) == Up:
			alone = tally.Down
		case slices.Equal(tally.Down, j.alone):
			alone = j.alone
		}
	}
	if slices.Equal(alone, j.alone) {
		return
	}
	before := j.alone
	j.alone = slices.Clone(alone)
	if len(alone) > 0 {
		tell(Alone, alone, j.aloneSentence(alone))
		return
	}
	tell(AloneNoMore, before, strings.Join(before, ", ")+" no longer "+verb(before, "sees", "see")+" alone that "+j.probe+" fails")
}

// tally sorts the checkpoints by what their votes say at now.
func (j *Judge) tally(now time.Time) Tally {
	var t Tally
	for _, name := range slices.Sorted(slices.Values(j.cfg.Checkpoints)) {
		vote, voted := j.votes[name]
		switch {
		case !voted || !vote.fresh(now):
			t.Silent = append(t.Silent, name)
		case vote.Verdict == verdict.Fail:
			t.Down = append(t.Down, name)
		default:
			t.Up = append(t.Up, name)
		}
	}
	return t
}

// since is when the first of these checkpoints began to see failures.
func (j *Judge) since(names []string) time.Time {
	var first time.Time
	for _, name := range names {
		if began := j.failing[name]; first.IsZero() || began.Before(first) {
			first = began
		}
	}
	return first
}

func (j *Judge) evidence(names []string) []Vote {
	var votes []Vote
	for _, name := range names {
		if vote, voted := j.votes[name]; voted {
			votes = append(votes, vote)
		}
	}
	return votes
}

func (o *Open) copy() *Open {
	if o == nil {
		return nil
	}
	copied := *o
	copied.ConfirmedBy = slices.Clone(o.ConfirmedBy)
	return &copied
}
