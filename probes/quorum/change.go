package quorum

import (
	"fmt"
	"strings"
	"time"
)

// Kind of a Change.
type Kind string

// The changes that are told.
const (
	// Declared begins an outage.
	Declared Kind = "declared"
	// Confirmed says that one more checkpoint sees an outage that is declared.
	Confirmed Kind = "confirmed"
	// Ended ends an outage: enough checkpoints saw the target work again.
	Ended Kind = "ended"
	// Alone says that checkpoints see a failure which enough others, that
	// looked afterwards, do not see.
	Alone Kind = "alone"
	// AloneNoMore ends Alone.
	AloneNoMore Kind = "alone-no-more"
	// Lost says that there are too few votes to tell, after there were enough.
	Lost Kind = "quorum-lost"
	// Regained ends Lost.
	Regained Kind = "quorum-regained"
)

// Change is one change of where a probe stands.
type Change struct {
	Kind  Kind      `json:"kind"`
	Probe string    `json:"probe"`
	At    time.Time `json:"at"`
	// Outage is the outage that the change is about.
	Outage *Open `json:"outage,omitempty"`
	// Checkpoints that the change is about.
	Checkpoints []string `json:"checkpoints,omitempty"`
	Tally       Tally    `json:"tally"`
	// Evidence are the votes behind it.
	Evidence []Vote `json:"evidence,omitempty"`
	// Sentence says it to people.
	Sentence string `json:"sentence"`
}

// Open is an outage that was declared and has not ended.
type Open struct {
	// ID is made of the probe and the moment of the declaration.
	ID    string `json:"id"`
	Probe string `json:"probe"`
	// Since is the start of the first run that saw it, Declared when enough
	// checkpoints had seen it.
	Since    time.Time `json:"since"`
	Declared time.Time `json:"declared"`
	// ConfirmedBy are the checkpoints that have seen it.
	ConfirmedBy []string `json:"confirmed_by"`
}

func (j *Judge) declaredSentence(t Tally) string {
	seen := make([]string, 0, len(t.Down))
	for _, name := range t.Down {
		seen = append(seen, name+" "+j.votes[name].where())
	}
	return fmt.Sprintf("%s is out: %d of %d checkpoints agree: %s", j.probe, len(t.Down), len(j.cfg.Checkpoints), strings.Join(seen, ", "))
}

func (j *Judge) confirmedSentence(names []string) string {
	seen := make([]string, 0, len(names))
	for _, name := range names {
		seen = append(seen, name+" "+j.votes[name].where())
	}
	return fmt.Sprintf("the outage of %s is confirmed by %s", j.probe, strings.Join(seen, ", "))
}

func (j *Judge) endedSentence(t Tally, now time.Time) string {
	return fmt.Sprintf("%s works again after %s: %s", j.probe, now.Sub(j.open.Since).Round(time.Second), said(t))
}

func (j *Judge) lostSentence(t Tally) string {
	open := ""
	if j.open != nil {
		open = "; its outage is not known to have ended"
	}
	return fmt.Sprintf("nobody can tell about %s: %s, and %d must agree%s", j.probe, said(t), j.cfg.Agree, open)
}

func (j *Judge) aloneSentence(names []string) string {
	if len(names) == 1 {
		return fmt.Sprintf("checkpoint %s alone sees %s failing %s", names[0], j.probe, j.votes[names[0]].where())
	}
	seen := make([]string, 0, len(names))
	for _, name := range names {
		seen = append(seen, name+" "+j.votes[name].where())
	}
	return fmt.Sprintf("only %d of %d checkpoints see %s failing: %s", len(names), len(j.cfg.Checkpoints), j.probe, strings.Join(seen, ", "))
}

// said is a tally in words.
func said(t Tally) string {
	var parts []string
	for _, part := range []struct {
		names []string
		what  string
	}{{t.Up, "it working"}, {t.Down, "it failing"}} {
		if len(part.names) > 0 {
			parts = append(parts, fmt.Sprintf("%s %s %s", strings.Join(part.names, ", "), verb(part.names, "sees", "see"), part.what))
		}
	}
	if len(t.Silent) > 0 {
		parts = append(parts, fmt.Sprintf("%s %s nothing", strings.Join(t.Silent, ", "), verb(t.Silent, "says", "say")))
	}
	return strings.Join(parts, "; ")
}

func verb(names []string, one, many string) string {
	if len(names) == 1 {
		return one
	}
	return many
}
