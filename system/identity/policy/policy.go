// Package policy says what a login does when something it stands on does not
// answer: one table, looked up by everything that decides such a thing, so that
// it can be read in one place and tested without breaking anything.
package policy

import (
	"context"
	"errors"

	"tocsin/system/identity/store"
)

// Operation is a step that needs a dependency.
type Operation string

// The operations.
const (
	CountAttempt    Operation = "count_attempt"    // Redis: guesses at PINs and codes
	ReadClient      Operation = "read_client"      // Postgres replica, through the cache
	ReadConsent     Operation = "read_consent"     // Postgres replica
	SaveConsent     Operation = "save_consent"     // Postgres primary, two zones
	Identify        Operation = "identify"         // authenticator plug-in
	CompleteRequest Operation = "complete_request" // etcd: mark of a pushed request
	EndSession      Operation = "end_session"      // etcd: revoked session
	LinkWallet      Operation = "link_wallet"      // Redis: link of page and wallet
	ReadHint        Operation = "read_hint"        // signing keys, for id_token_hint
)

// Operations returns all of them.
func Operations() []Operation {
	return []Operation{
		CountAttempt, ReadClient, ReadConsent, SaveConsent, Identify, CompleteRequest, EndSession, LinkWallet, ReadHint,
	}
}

// State is what is known of the dependency of an operation.
type State string

// The states.
const (
	Answering State = "answering"
	Silent    State = "silent" // no answer within the operation's budget, or none that tells
	Exhausted State = "exhausted"
)

// StateOf tells the state from the error of an operation. That a caller left
// says nothing about the dependency; the operation did not happen all the same.
func StateOf(err error) State {
	if err == nil || errors.Is(err, store.ErrNotFound) {
		return Answering
	}
	return Silent
}

// Verdict is what to do.
type Verdict string

// The verdicts.
const (
	Allow    Verdict = "allow"
	Degraded Verdict = "allow_degraded"
	Refuse   Verdict = "refuse" // 503 with Retry-After, never a protocol verdict
)

// Decision is a verdict with the reason, for logs and the metric.
type Decision struct {
	Verdict Verdict
	Reason  string
}

// Decide is the table.
func Decide(operation Operation, state State) Decision {
	if state == Answering {
		return Decision{Verdict: Allow}
	}
	switch operation {
	case CountAttempt:
		// A count in this process still ends guessing; it only allows the limit
		// once in every zone. Locking everybody out would be the worse harm.
		if state == Silent {
			return Decision{Degraded, "attempts are counted in this process only"}
		}
		// Its memory is full of people under attack: nobody else can be counted.
		return Decision{Refuse, "attempts cannot be counted"}
	case ReadClient:
		return Decision{Refuse, "the client cannot be told"}
	case ReadConsent:
		// Asking again would write a second grant, and prompt=none would lie.
		return Decision{Refuse, "consent cannot be told"}
	case SaveConsent:
		return Decision{Refuse, "consent is not known to be in two zones"}
	case Identify:
		return Decision{Refuse, "nobody can be identified"}
	case CompleteRequest:
		return Decision{Refuse, "the pushed request may have been completed before"}
	case EndSession:
		// "You are signed out" has to be true in every zone.
		return Decision{Refuse, "the end of the session is not known to be everywhere"}
	case LinkWallet:
		return Decision{Refuse, "the link to the wallet cannot be kept"}
	case ReadHint:
		return Decision{Refuse, "the keys of ID tokens are not known"}
	}
	return Decision{Refuse, "unknown operation"}
}

// Observer hears of every decision that is not plain Allow.
type Observer interface {
	Observe(ctx context.Context, operation Operation, decision Decision, cause error)
}
