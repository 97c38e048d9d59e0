package load

import (
	"fmt"

	"tocsin/internal/verdict"
)

// leastDelivered is the share of the asked rate below which a load was not the
// one that was asked for.
const leastDelivered = 0.95

// Judged is a load with its verdict.
type Judged struct {
	Verdict verdict.Verdict `json:"verdict"`
	Reason  string          `json:"reason"`
	Figures
}

// Judge says whether everybody could log in. Failures and lies are the
// target's; too little load, or none, is our own fault and unknown.
func Judge(figures Figures) Judged {
	judged := Judged{Verdict: verdict.Unknown, Figures: figures}
	switch {
	case figures.Failed > 0:
		judged.Verdict = verdict.Fail
		judged.Reason = fmt.Sprintf("%d of %d logins failed", figures.Failed, figures.Logins)
	case figures.Lies > 0:
		judged.Verdict = verdict.Fail
		judged.Reason = fmt.Sprintf("%d lies: verdicts against valid input", figures.Lies)
	case figures.Logins == 0:
		judged.Reason = "no login ended, so nothing was measured"
	case figures.DeliveredShare() < leastDelivered:
		judged.Reason = fmt.Sprintf("delivered %.1f of %.0f logins/s; %d were dropped for want of virtual users", figures.DeliveredRate, figures.AskedRate, figures.Dropped)
	case figures.Interrupted > 0:
		judged.Reason = fmt.Sprintf("%d logins were cut off before their end", figures.Interrupted)
	default:
		judged.Verdict = verdict.Pass
		judged.Reason = fmt.Sprintf("all %d logins succeeded", figures.Logins)
	}
	return judged
}
