package esignet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
	"tocsin/probes/login"
)

// acr is the class of each factor, which eSignet needs to be told.
var acr = map[string]string{"PIN": "mosip:idp:acr:static-code", "OTP": "mosip:idp:acr:generated-code"}

// timeFormat is that of requestTime, in UTC.
const timeFormat = "2006-01-02T15:04:05.000Z"

// errNoEndpoint marks an answer of a server that does not know the address.
var errNoEndpoint = errors.New("no such endpoint")

// csrf is the token and the header that it goes back in.
type csrf struct {
	HeaderName string `json:"headerName"`
	Token      string `json:"token"`
}

// readCSRF asks for the token; its cookie stays in the run.
func (v *visit) readCSRF(ctx context.Context) error {
	reply, err := v.Get(ctx, v.base+"/csrf/token", journey.AcceptJSON)
	if err != nil {
		return err
	}
	if reply.Status != http.StatusOK {
		return exchange.Unexpected(reply, "")
	}
	if err := json.Unmarshal(reply.Body, &v.csrf); err != nil || v.csrf.Token == "" {
		return exchange.Brokenf(verdict.Content, "%s answered without a CSRF token", reply.URL.Path)
	}
	if v.csrf.HeaderName == "" {
		v.csrf.HeaderName = "X-XSRF-TOKEN"
	}
	return nil
}

// problem is one error of an envelope.
type problem struct {
	Code    string `json:"errorCode"`
	Message string `json:"errorMessage"`
}

// envelope is what every answer comes in.
type envelope struct {
	Response json.RawMessage `json:"response"`
	Errors   []problem       `json:"errors"`
}

// call makes one step and reads the response in its envelope. Into may be nil;
// as a *json.RawMessage it gets the very bytes of the response.
func (v *visit) call(ctx context.Context, step string, request, into any) error {
	body, err := json.Marshal(struct {
		RequestTime string `json:"requestTime"`
		Request     any    `json:"request"`
	}{v.Now().UTC().Format(timeFormat), request})
	if err != nil {
		return exchange.Ownf(verdict.Internal, err, "the request of %s cannot be written: %v", step, err)
	}
	sent, err := http.NewRequestWithContext(ctx, http.MethodPost, v.base+"/authorization/"+step, bytes.NewReader(body))
	if err != nil {
		return exchange.Ownf(verdict.OwnConfig, err, "the address of eSignet cannot be used: %v", err)
	}
	sent.Header.Set("Content-Type", "application/json")
	sent.Header.Set("Accept", journey.AcceptJSON)
	sent.Header.Set(v.csrf.HeaderName, v.csrf.Token)
	if v.hash != "" {
		sent.Header.Set("oauth-details-key", v.details.TransactionID)
		sent.Header.Set("oauth-details-hash", v.hash)
	}
	reply, err := v.Send(ctx, sent)
	if err != nil {
		return err
	}
	return v.open(step, reply, into)
}

// open reads an envelope. eSignet sends errors with the status 200, also those
// of its infrastructure; the status of others is honest.
func (v *visit) open(step string, reply *exchange.Reply, into any) error {
	var got envelope
	err := json.Unmarshal(reply.Body, &got)
	switch {
	case err == nil && len(got.Errors) > 0:
		return v.refused(step, reply, got.Errors)
	case reply.Status != http.StatusOK:
		failure := exchange.Unexpected(reply, "")
		if reply.Status == http.StatusNotFound {
			failure.Err = errNoEndpoint
		}
		return failure
	case err != nil:
		return exchange.Brokenf(verdict.Content, "%s answered with something that is no envelope: %v", step, err)
	case len(got.Response) == 0 || string(got.Response) == "null":
		return exchange.Brokenf(verdict.Content, "%s answered with neither a response nor errors", step)
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(got.Response, into); err != nil {
		return exchange.Brokenf(verdict.Content, "the response of %s cannot be read: %v", step, err)
	}
	return nil
}

// refused turns an error code into a reason.
func (v *visit) refused(step string, reply *exchange.Reply, problems []problem) error {
	first := problems[0]
	detail := "eSignet refused " + step + ": " + login.Shorten(first.Code)
	if first.Message != "" && first.Message != first.Code {
		detail += " (" + login.Shorten(first.Message) + ")"
	}
	failure := exchange.Unexpected(reply, "")
	failure.Reason, failure.Detail = reasonOf(first.Code, reply.Status), detail
	if reply.Status == http.StatusOK && failure.Reason == verdict.Unavailable {
		failure.Detail += ", with the status 200"
	}
	// requestTime is what the code complains about when clocks are apart.
	if first.Code == "invalid_request" && strings.Contains(strings.ToLower(first.Message), "requesttime") {
		return v.WrongTime(failure.Reason, failure.Detail)
	}
	if first.Code == "not_found" {
		failure.Reason, failure.Err = verdict.Status, errNoEndpoint
	}
	return failure
}

// reasonOf sorts eSignet's error codes: whose fault is it that a login that
// worked before does not?
func reasonOf(code string, status int) verdict.Reason {
	switch code {
	case "unknown_error", "response_timeout", "aes_cipher_failed", "failed_to_generate_header_hash", "failed_to_create_jwe",
		"temporarily_unavailable", "server_error", "service_unavailable":
		return verdict.Unavailable
	case "auth_failed", "invalid_challenge", "invalid_individual_id", "invalid_identifier", "individual_id_blocked",
		"no_attempts_left", "too_early_attempt", "auth_factor_mismatch", "unbound_auth_factor":
		return verdict.LoginRejected
	case "send_otp_failed", "otp_not_sent":
		return verdict.CodeMissing
	}
	if exchange.InTrouble(status) {
		return verdict.Unavailable
	}
	return verdict.ProtocolError
}
