package esignet

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/form"
	"tocsin/probes/journey"
	"tocsin/probes/login"
)

// Config of the driver.
type Config struct {
	Person login.Person
	// URL is where the interface is, without a slash at its end; empty for
	// /v1/esignet where the authorization endpoint is.
	URL string
	// Channels are what a one-time code is asked to be sent by.
	Channels []string
}

// Driver logs a person in through eSignet's REST interface.
type Driver struct{ cfg Config }

// New makes a driver.
func New(cfg Config) *Driver {
	if len(cfg.Channels) == 0 {
		cfg.Channels = []string{"email", "phone"}
	}
	return &Driver{cfg: cfg}
}

// visit is one login under way.
type visit struct {
	*journey.Run
	cfg     *Config
	query   url.Values
	base    string
	inbox   *login.Inbox
	csrf    csrf
	details details
	// hash is over the answer of oauth-details, and with the transaction's id
	// in the headers of every later step.
	hash   string
	action string
	landed *url.URL
}

// details is what oauth-details tells, as far as it matters here.
type details struct {
	TransactionID string `json:"transactionId"`
	AuthFactors   [][]struct {
		Type string `json:"type"`
	} `json:"authFactors"`
	AuthorizeScopes []string `json:"authorizeScopes"`
	EssentialClaims []string `json:"essentialClaims"`
	VoluntaryClaims []string `json:"voluntaryClaims"`
	RedirectURI     string   `json:"redirectUri"`
	Configs         struct {
		Issuer string `json:"issuer"`
	} `json:"configs"`
}

// Login takes the steps csrf, oauth-details, for a one-time code inbox,
// send-otp and otp, then login and consent. The last is what eSignet calls
// auth-code.
func (d *Driver) Login(ctx context.Context, run *journey.Run, request login.Request) (landed *url.URL, err error) {
	v := &visit{Run: run, cfg: &d.cfg, query: request.Address.Query(), base: d.cfg.URL}
	if v.base == "" {
		v.base = request.Address.Scheme + "://" + request.Address.Host + "/v1/esignet"
	}
	v.inbox = &login.Inbox{}
	byCode := d.cfg.Person.Method == form.ByCode
	if byCode {
		if v.inbox, err = d.cfg.Person.OpenInbox(ctx, run); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, v.inbox.Close()) }()
	}
	for _, step := range []struct {
		name string
		act  func(context.Context) error
		skip bool
	}{
		{"csrf", v.readCSRF, false},
		{"oauth-details", v.readDetails, false},
		{"send-otp", v.sendOTP, !byCode},
		{"otp", v.answerCode, !byCode},
		{"login", v.answerPIN, byCode},
		{"consent", v.consent, false},
	} {
		if step.skip {
			continue
		}
		if err := run.Take(ctx, step.name, step.act); err != nil {
			return nil, err
		}
	}
	if !request.Answers(v.landed) {
		return nil, exchange.Brokenf(verdict.Redirect, "eSignet answers to %s, which is not the redirect URI of the client", v.landed.Redacted())
	}
	return v.landed, nil
}

// readDetails sends the authorization request. A pushed one goes by its own
// endpoint; of the others, the newest version is tried first that older eSignet
// may lack.
func (v *visit) readDetails(ctx context.Context) error {
	var raw json.RawMessage
	err := v.askDetails(ctx, &raw)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &v.details); err != nil || v.details.TransactionID == "" {
		return exchange.Brokenf(verdict.Content, "oauth-details answered without a usable transactionId")
	}
	sum := sha256.Sum256(raw)
	v.hash = base64.RawURLEncoding.EncodeToString(sum[:])
	wanted := v.factor()
	offered := []string{}
	for _, chain := range v.details.AuthFactors {
		if len(chain) == 1 {
			offered = append(offered, chain[0].Type)
		}
	}
	if !slices.Contains(offered, wanted) {
		return exchange.Brokenf(verdict.LoginForm, "eSignet does not offer the factor %s alone, but: %s", wanted, login.Shorten(strings.Join(offered, ", ")))
	}
	return nil
}

func (v *visit) askDetails(ctx context.Context, into *json.RawMessage) error {
	if uri := v.query.Get("request_uri"); uri != "" {
		return v.call(ctx, "par-oauth-details", map[string]string{"clientId": v.query.Get("client_id"), "requestUri": uri}, into)
	}
	err := v.call(ctx, "v3/oauth-details", v.detailsRequest(), into)
	if errors.Is(err, errNoEndpoint) {
		return v.call(ctx, "v2/oauth-details", v.detailsRequest(), into)
	}
	return err
}

// detailsRequest is the authorization request as JSON.
func (v *visit) detailsRequest() map[string]any {
	request := map[string]any{}
	for name, parameter := range map[string]string{
		"clientId": "client_id", "scope": "scope", "responseType": "response_type", "redirectUri": "redirect_uri",
		"display": "display", "prompt": "prompt", "nonce": "nonce", "state": "state", "acrValues": "acr_values",
		"claimsLocales": "claims_locales", "uiLocales": "ui_locales", "codeChallenge": "code_challenge",
		"codeChallengeMethod": "code_challenge_method", "dpopJkt": "dpop_jkt", "maxAge": "max_age",
	} {
		if value := v.query.Get(parameter); value != "" {
			request[name] = value
		}
	}
	if claims := v.query.Get("claims"); json.Valid([]byte(claims)) {
		request["claims"] = json.RawMessage(claims)
	}
	if request["acrValues"] == nil {
		request["acrValues"] = acr[v.factor()]
	}
	return request
}

// factor is what eSignet calls the way to log in.
func (v *visit) factor() string {
	if v.cfg.Person.Method == form.ByCode {
		return "OTP"
	}
	return "PIN"
}

// sendOTP has the code sent.
func (v *visit) sendOTP(ctx context.Context) error {
	v.inbox.Sent()
	return v.call(ctx, "send-otp", map[string]any{
		"transactionId": v.details.TransactionID, "individualId": v.cfg.Person.ID, "otpChannels": v.cfg.Channels, "captchaToken": nil,
	}, nil)
}

func (v *visit) answerCode(ctx context.Context) error {
	code, err := v.inbox.Code(ctx, v.Run)
	if err != nil {
		return err
	}
	return v.authenticate(ctx, code)
}

func (v *visit) answerPIN(ctx context.Context) error {
	secret, err := v.cfg.Person.Secret()
	if err != nil {
		return err
	}
	return v.authenticate(ctx, secret)
}

func (v *visit) authenticate(ctx context.Context, challenge string) error {
	var next struct {
		ConsentAction string `json:"consentAction"`
	}
	err := v.call(ctx, "v3/authenticate", map[string]any{
		"transactionId": v.details.TransactionID, "individualId": v.cfg.Person.ID, "captchaToken": nil,
		"challengeList": []map[string]string{{"authFactorType": v.factor(), "challenge": challenge, "format": "alpha-numeric"}},
	}, &next)
	v.action = next.ConsentAction
	return err
}

// consent releases everything that was asked for and receives the code. Where
// consent is known nothing may be sent again.
func (v *visit) consent(ctx context.Context) error {
	claims, scopes := []string{}, []string{}
	if v.action != "NOCAPTURE" {
		claims = append(append(claims, v.details.EssentialClaims...), v.details.VoluntaryClaims...)
		scopes = append(scopes, v.details.AuthorizeScopes...)
	}
	var made struct {
		Code        string `json:"code"`
		State       string `json:"state"`
		RedirectURI string `json:"redirectUri"`
	}
	err := v.call(ctx, "auth-code", map[string]any{
		"transactionId": v.details.TransactionID, "acceptedClaims": claims, "permittedAuthorizeScopes": scopes,
	}, &made)
	if err != nil {
		return err
	}
	landed, err := url.Parse(made.RedirectURI)
	if err != nil || !landed.IsAbs() {
		return exchange.Brokenf(verdict.Content, "auth-code answered with %q as the redirect URI", login.Shorten(made.RedirectURI))
	}
	query := landed.Query()
	query.Set("code", made.Code)
	query.Set("state", made.State)
	// The page makes this address, and knows the issuer (RFC 9207) from the
	// configuration that it was given.
	if v.details.Configs.Issuer != "" {
		query.Set("iss", v.details.Configs.Issuer)
	}
	landed.RawQuery = query.Encode()
	v.landed = landed
	return nil
}
