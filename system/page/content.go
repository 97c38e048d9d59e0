package page

import "time"

// Frame is what is around the content of every page.
type Frame struct {
	// Locales are BCP 47 tags in order of preference.
	Locales []string
	// Here is the page's own path with query, which the language switch leads
	// to; the switch is left out when it is empty.
	Here string
	// Asked is the language chosen with the switch, which forms keep; may be
	// empty.
	Asked string
	// FormTarget is where the redirects of the page's forms end, for the
	// content security policy: browsers apply form-action to redirects too.
	FormTarget string
}

// Step is what pages about one login have in common.
type Step struct {
	Frame
	// Client is the name of the service; Logo a path on this host, or empty.
	Client, Logo string
	// Transaction and CSRF are for forms.
	Transaction, CSRF string
	// Ways to sign in; none when there is no choice.
	Ways []Way
}

// The ways to sign in, as they appear in addresses.
const (
	ByPIN    = "pin"
	ByOTP    = "otp"
	ByWallet = "wallet"
)

// Way leads to one way to sign in.
type Way struct {
	By, Link string
	Current  bool
}

// Problem is what was wrong with a form that is shown again.
type Problem string

// The problems of forms.
const (
	NoID      Problem = "no_id"
	NoPIN     Problem = "no_pin"
	NoOTP     Problem = "no_otp"
	NoCode    Problem = "no_code"
	WrongPIN  Problem = "wrong_pin"
	WrongOTP  Problem = "wrong_otp"
	WrongCode Problem = "wrong_code"
)

// Problems returns all problems.
func Problems() []Problem {
	return []Problem{NoID, NoPIN, NoOTP, NoCode, WrongPIN, WrongOTP, WrongCode}
}

// Person is the part of a form that asks who somebody is.
type Person struct {
	IndividualID string
	Problem      Problem
}

// PIN is the page that asks for id and PIN.
type PIN struct {
	Step
	Person
}

// OTP is the page that asks whom to send a one-time code.
type OTP struct {
	Step
	Person
}

// Code is the page that asks for the one-time code.
type Code struct {
	Step
	Person
	// Email and Phone are the masked addresses it was sent to; may be empty.
	Email, Phone string
	// Other leads back to where the code is sent from.
	Other string
}

// Wallet is the page that waits for a wallet.
type Wallet struct {
	Step
	// Expired codes are not shown any more.
	Expired  bool
	LinkCode string
	QR       QR
	// Remaining is how long the link code is valid.
	Remaining time.Duration
	// Open leads to a wallet on this device; may be empty.
	Open string
	// Poll tells a script whether the wallet has answered, Check does it for
	// people without scripts.
	Poll, Check string
}

// Phone is the page of the simulated wallet: without Code it asks for one.
type Phone struct {
	Frame
	Person
	Code, CSRF string
	Client     string
	Claims     []Claim
	// Credentials are names of what a wallet will be given.
	Credentials []string
	// Done says that the person has decided.
	Done, Approved bool
}

// Claim is one detail about a person.
type Claim struct {
	Name string
	// Essential is what the client cannot do without.
	Essential bool
}

// Consent is the page that asks what to share.
type Consent struct {
	Step
	Claims []Claim
	// Credentials are names of what a wallet will be given.
	Credentials []string
}

// Logout is the page before and after signing out.
type Logout struct {
	Frame
	// Client is who asks, "" when that is not known.
	Client string
	// Request and CSRF are for the form.
	Request, CSRF string
	// Decided says that the person has answered; Stayed, that they did not sign
	// out.
	Decided, Stayed bool
}

// Failure is what an error page tells.
type Failure struct {
	Kind Kind
	// Detail is for the developers of the client; may be empty.
	Detail string
	// Retry is a page to try again, Back one at the client; both may be empty.
	Retry, Back string
	// Wait is how long a lock stays; 0 when that is not known.
	Wait time.Duration
	// Trace is the trace id of the request, for those who look after the
	// service; may be empty.
	Trace string
	// Here and Asked are those of Frame; may be empty.
	Here, Asked string
}
