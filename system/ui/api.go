package ui

// The messages of the provider's internal API, as this component needs them:
// members that it does not know are left alone, and those that an older
// provider leaves out have a zero value that is right.

// input is the body of every request; each step uses what it needs.
type input struct {
	// State is the value of the transaction's cookie.
	State        string   `json:"state,omitempty"`
	IndividualID string   `json:"individual_id,omitempty"`
	PIN          string   `json:"pin,omitempty"`
	OTP          string   `json:"otp,omitempty"`
	LinkCode     string   `json:"link_code,omitempty"`
	Decision     string   `json:"decision,omitempty"`
	Claims       []string `json:"claims,omitempty"`
	// Request is a sealed logout request, Session the session cookie's value.
	Request string `json:"request,omitempty"`
	Session string `json:"session,omitempty"`
}

// View is what pages show of a login.
type View struct {
	ClientName  string   `json:"client_name"`
	ClientLogo  string   `json:"client_logo"`
	Claims      []Claim  `json:"claims"`
	Credentials []string `json:"credentials"`
	Locales     []string `json:"locales"`
	// Authenticated says that somebody has logged in, and consent is next.
	Authenticated bool     `json:"authenticated"`
	Factors       []string `json:"factors"`
	LoginHint     string   `json:"login_hint"`
	// RedirectOrigin is where the browser goes in the end.
	RedirectOrigin string `json:"redirect_origin"`
	// Approved says that a wallet has approved already.
	Approved bool `json:"approved"`
	// SignedIn says that there is a session to end.
	SignedIn bool `json:"signed_in"`
}

// Claim is one detail that a client asks for.
type Claim struct {
	Name      string `json:"name"`
	Essential bool   `json:"essential"`
}

// Next is where the browser goes after a step.
type Next struct {
	// State and Session are new values of their cookies; empty ones stay.
	State   string `json:"state"`
	Session string `json:"session"`
	// Location ends the login; without it consent is next or, with Pending, the
	// wallet has not answered.
	Location string `json:"location"`
	Pending  bool   `json:"pending"`
}

// Delivery says where a one-time code went.
type Delivery struct {
	State       string `json:"state"`
	MaskedEmail string `json:"masked_email"`
	MaskedPhone string `json:"masked_phone"`
}

// Link is what a wallet needs to take part in a login.
type Link struct {
	LinkCode string `json:"link_code"`
	URI      string `json:"uri"`
	// ExpiresIn is in seconds.
	ExpiresIn int `json:"expires_in"`
}

// Problem is the body of an answer that is no success.
type Problem struct {
	Error string `json:"error"`
	// Back leads to the client; may be empty.
	Back string `json:"back"`
	// RetryAfter is in seconds, 0 when nobody knows.
	RetryAfter int `json:"retry_after"`
}
