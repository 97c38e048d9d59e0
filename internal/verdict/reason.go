package verdict

import "slices"

// Reason says why a run ended as it did: one word of a closed list, so that
// rules, filters and runbooks can rely on it. The sentence for people stands
// beside it. A reason decides its verdict; see Reason.Verdict.
type Reason string

// Reasons of a pass.
const (
	// OK means that everything asked for was seen to work.
	OK Reason = "ok"
	// Retried means that it worked, but not at the first attempt.
	Retried Reason = "retried"
)

// Reasons of a fail that an honest system may have for a moment. Trying once
// more may help.
const (
	DNS         Reason = "dns"
	Refused     Reason = "refused"
	Unreachable Reason = "unreachable"
	Reset       Reason = "reset"
	Timeout     Reason = "timeout"
	Unavailable Reason = "unavailable"
)

// Reasons of a fail that trying again would only hide.
const (
	TLSUntrusted        Reason = "tls-untrusted"
	TLSExpired          Reason = "tls-expired"
	TLSName             Reason = "tls-name"
	TLSHandshake        Reason = "tls-handshake"
	TLSPolicy           Reason = "tls-policy"
	CertificateExpiring Reason = "certificate-expiring"
	CertificateRevoked  Reason = "certificate-revoked"
	Status              Reason = "status"
	Redirect            Reason = "redirect"
	Content             Reason = "content"
	Assertion           Reason = "assertion"
	Slow                Reason = "slow"
	LoginForm           Reason = "login-form"
	LoginRejected       Reason = "login-rejected"
	CodeMissing         Reason = "code-missing"
	ProtocolError       Reason = "protocol-error"
	Lie                 Reason = "lie"
	Signature           Reason = "signature"
	Claims              Reason = "claims"
	Keys                Reason = "keys"
	Accepted            Reason = "accepted"
	Replayed            Reason = "replayed"
	Disagreement        Reason = "disagreement"
	Clock               Reason = "clock"
	DNSRecord           Reason = "dns-record"
	DNSSEC              Reason = "dnssec"
	Header              Reason = "header"
	Port                Reason = "port"
	Overdue             Reason = "overdue"
	Appearance          Reason = "appearance"
	Accessibility       Reason = "accessibility"
)

// Reasons of an unknown: our own fault, or nothing was measured.
const (
	Stopped     Reason = "stopped"
	Missed      Reason = "missed"
	Saturated   Reason = "saturated"
	OwnClock    Reason = "own-clock"
	OwnBrowser  Reason = "own-browser"
	OwnNetwork  Reason = "own-network"
	OwnConfig   Reason = "own-config"
	OwnInbox    Reason = "own-inbox"
	Internal    Reason = "internal"
	NoData      Reason = "no-data"
	NoBaseline  Reason = "no-baseline"
	Environment Reason = "environment"
	Unsettled   Reason = "unsettled"
)

// Explained is a reason with its verdict and what it means.
type Explained struct {
	Reason  Reason  `json:"reason"`
	Verdict Verdict `json:"verdict"`
	// Transient is true where trying once more may help.
	Transient bool   `json:"transient"`
	Meaning   string `json:"meaning"`
}

// list is the whole list, in the order of this file. It is never changed: every
// run looks into it.
var list = [...]Explained{
	{OK, Pass, false, "everything asked for was seen to work"},
	{Retried, PassAfterRetry, false, "it worked, but not at the first attempt"},

	{DNS, Fail, true, "the name of the target does not resolve"},
	{Refused, Fail, true, "nothing listens at the address"},
	{Unreachable, Fail, true, "there is no route to the address"},
	{Reset, Fail, true, "the connection was cut before the answer was complete"},
	{Timeout, Fail, true, "no complete answer came in time"},
	{Unavailable, Fail, true, "the target says so itself: 429, 5xx, or an OAuth error of its infrastructure"},

	{TLSUntrusted, Fail, false, "the certificate is signed by nobody this target trusts"},
	{TLSExpired, Fail, false, "a certificate is not valid at this time"},
	{TLSName, Fail, false, "the certificate is for another name"},
	{TLSHandshake, Fail, false, "the TLS handshake was refused or went wrong"},
	{TLSPolicy, Fail, false, "a protocol version, cipher, key or chain is weaker than the policy allows"},
	{CertificateExpiring, Fail, false, "a certificate expires within the time that the policy gives"},
	{CertificateRevoked, Fail, false, "a certificate is revoked"},
	{Status, Fail, false, "the answer has a status nobody asked for"},
	{Redirect, Fail, false, "a redirect leads nowhere, in circles, or to the wrong place"},
	{Content, Fail, false, "the answer is not what its protocol says it must be"},
	{Assertion, Fail, false, "something that was asserted about the answer does not hold"},
	{Slow, Fail, false, "it worked, but took longer than promised"},
	{LoginForm, Fail, false, "a login or consent page is missing, or is not what it was"},
	{LoginRejected, Fail, false, "the synthetic person was not accepted"},
	{CodeMissing, Fail, false, "the one-time code did not arrive, though its inbox works"},
	{ProtocolError, Fail, false, "the target refused valid input with an error of the protocol"},
	{Lie, Fail, false, "the target gave a protocol verdict that a control run shows to be untrue"},
	{Signature, Fail, false, "a signature is wrong, or its key is not published"},
	{Claims, Fail, false, "a token or credential says something wrong about issuer, audience, subject or time"},
	{Keys, Fail, false, "the published keys are unusable, incomplete, or changed without notice"},
	{Accepted, Fail, false, "the target accepted what it must refuse"},
	{Replayed, Fail, false, "the target accepted twice what is valid once"},
	{Disagreement, Fail, false, "zones or endpoints contradict each other"},
	{Clock, Fail, false, "the clock of the target is wrong"},
	{DNSRecord, Fail, false, "a DNS record is missing or different"},
	{DNSSEC, Fail, false, "DNSSEC validation fails, or the zone is not signed"},
	{Header, Fail, false, "a security header is missing or too weak"},
	{Port, Fail, false, "a port is open that must be closed, or closed that must be open"},
	{Overdue, Fail, false, "a job did not report in time"},
	{Appearance, Fail, false, "the page does not look as a person approved it"},
	{Accessibility, Fail, false, "the page has a barrier that it did not have when a person approved it"},

	{Stopped, Unknown, false, "the run was stopped from our side"},
	{Missed, Unknown, false, "the run could not start when it was due"},
	{Saturated, Unknown, false, "this machine was too busy to measure"},
	{OwnClock, Unknown, false, "the clock of this machine is wrong and nothing synchronises it"},
	{OwnBrowser, Unknown, false, "the browser is missing or crashed"},
	{OwnNetwork, Unknown, false, "this machine has lost its own network"},
	{OwnConfig, Unknown, false, "a file of ours, such as a key or secret, cannot be used"},
	{OwnInbox, Unknown, false, "the inbox for one-time codes cannot be read"},
	{Internal, Unknown, false, "the probe itself went wrong"},
	{NoData, Unknown, false, "nothing was measured"},
	{NoBaseline, Unknown, false, "nobody has approved a picture of the page that could be compared with"},
	{Environment, Unknown, false, "the picture was approved with another browser, fonts or view, and cannot be compared"},
	{Unsettled, Unknown, false, "the page did not stand still for its picture"},
}

// Reasons is the whole list, in the order of this file.
func Reasons() []Explained { return slices.Clone(list[:]) }

// Explain returns what the list says of r. A reason that is not in it is our
// own mistake, and as such unknown.
func (r Reason) Explain() Explained {
	for index := range list {
		if list[index].Reason == r {
			return list[index]
		}
	}
	return Explained{Reason: r, Verdict: Unknown, Meaning: "not a reason of the list"}
}

// Verdict that r leads to.
func (r Reason) Verdict() Verdict { return r.Explain().Verdict }

// Transient reports whether trying once more may help.
func (r Reason) Transient() bool { return r.Explain().Transient }
