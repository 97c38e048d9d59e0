package vci

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// fetchNonce asks for a nonce (OpenID4VCI 1.0, section 7).
func (s *session) fetchNonce(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.issuer.Nonce, http.NoBody)
	if err != nil {
		return exchange.Brokenf(verdict.Content, "the nonce endpoint is no URL: %v", err)
	}
	request.Header.Set("Accept", journey.AcceptJSON)
	reply, err := s.Send(ctx, request)
	if err != nil {
		return err
	}
	var answer struct {
		Nonce string `json:"c_nonce"`
	}
	if err := s.readJSON(reply, "the nonce endpoint", &answer); err != nil {
		return err
	}
	if answer.Nonce == "" {
		return exchange.Brokenf(verdict.Content, "the nonce endpoint answered without c_nonce")
	}
	if !strings.Contains(reply.Header.Get("Cache-Control"), "no-store") {
		return exchange.Brokenf(verdict.Header, "the nonce endpoint lets its answer be stored: Cache-Control is %q, not no-store (OpenID4VCI 1.0, 7.2)", reply.Header.Get("Cache-Control"))
	}
	s.nonce = answer.Nonce
	return nil
}

// credentialRequest is a request for one credential (OpenID4VCI 1.0, 8.2).
type credentialRequest struct {
	Identifier    string              `json:"credential_identifier,omitempty"`
	Configuration string              `json:"credential_configuration_id,omitempty"`
	Proofs        map[string][]string `json:"proofs,omitempty"`
}

// issued is the answer to a credential request (OpenID4VCI 1.0, 8.3).
type issued struct {
	Credentials []struct {
		Credential json.RawMessage `json:"credential"`
	} `json:"credentials"`
	NotificationID string  `json:"notification_id"`
	TransactionID  string  `json:"transaction_id"`
	Interval       float64 `json:"interval"`
}

// request asks for the credential, bound to a new key.
func (s *session) request(ctx context.Context) error {
	made, err := newHolder()
	if err != nil {
		return exchange.Ownf(verdict.Internal, err, "the probe cannot make a key: %v", err)
	}
	s.holder = made
	body, err := s.rightRequest()
	if err != nil {
		return err
	}
	reply, err := s.postJSON(ctx, s.issuer.Credential, body)
	if err != nil {
		return err
	}
	if reply.Status < 200 || reply.Status > 299 {
		return s.Refused(reply)
	}
	s.issued, s.used = issued{}, s.nonce
	if err := s.readJSON(reply, "the credential endpoint", &s.issued); err != nil {
		return err
	}
	if reply.Status == http.StatusAccepted {
		return s.wait(ctx)
	}
	return s.issued.check()
}

func (i issued) check() error {
	if len(i.Credentials) != 1 || len(i.Credentials[0].Credential) == 0 {
		return exchange.Brokenf(verdict.Content, "the credential endpoint answered with %d credentials, expected 1", len(i.Credentials))
	}
	return nil
}

// rightRequest is a request with which nothing is wrong.
func (s *session) rightRequest() (credentialRequest, error) {
	request := credentialRequest{Identifier: s.asked.identifier, Configuration: s.asked.configuration}
	if len(s.wanted.Proofs) == 0 {
		return request, nil
	}
	proven, err := s.rightProof().text(s.holder)
	if err != nil {
		return request, exchange.Ownf(verdict.Internal, err, "the probe cannot prove its key: %v", err)
	}
	request.Proofs = map[string][]string{"jwt": {proven}}
	return request, nil
}

func (s *session) rightProof() *proof {
	return newProof(s.holder, s.want.Issuer, s.proofIssuer(), s.nonce, s.Now())
}

// proofIssuer is the client, which the token was given to.
func (s *session) proofIssuer() string { return s.client.ID }

const (
	shortestWait = 500 * time.Millisecond
	longestWait  = 5 * time.Second
)

// wait asks for a credential that is not ready yet (OpenID4VCI 1.0, section 9)
// until it is, or the attempt has run out of time.
func (s *session) wait(ctx context.Context) error {
	if s.issued.TransactionID == "" || s.issuer.Deferred == "" {
		return exchange.Brokenf(verdict.Content, "the credential was put off without a transaction_id or a deferred credential endpoint")
	}
	transaction := s.issued.TransactionID
	for {
		interval := time.Duration(s.issued.Interval * float64(time.Second))
		timer := time.NewTimer(min(max(interval, shortestWait), longestWait))
		select {
		case <-ctx.Done():
			timer.Stop()
			return exchange.Brokenf(verdict.Timeout, "the credential was put off, and was not ready in time")
		case <-timer.C:
		}
		reply, err := s.postJSON(ctx, s.issuer.Deferred, map[string]string{"transaction_id": transaction})
		if err != nil {
			return err
		}
		s.issued = issued{}
		if err := s.readJSON(reply, "the deferred credential endpoint", &s.issued); err != nil {
			return err
		}
		if reply.Status != http.StatusAccepted {
			return s.issued.check()
		}
		if s.issued.TransactionID != transaction {
			return exchange.Brokenf(verdict.Content, "the deferred credential endpoint changed the transaction_id (OpenID4VCI 1.0, 9.2)")
		}
	}
}

// notify tells the issuer that the credential arrived, twice: doing so again
// must change nothing (OpenID4VCI 1.0, section 11).
func (s *session) notify(ctx context.Context) error {
	if s.issuer.Notification == "" || s.issued.NotificationID == "" {
		return nil
	}
	return s.Take(ctx, "notification", func(ctx context.Context) error {
		for range 2 {
			reply, err := s.postJSON(ctx, s.issuer.Notification, map[string]string{
				"notification_id": s.issued.NotificationID, "event": "credential_accepted",
			})
			if err != nil {
				return err
			}
			if reply.Status < 200 || reply.Status > 299 {
				return s.Refused(reply)
			}
		}
		return nil
	})
}

// textOf is a credential that its format makes a text.
func (i issued) text() (string, error) {
	var text string
	if err := json.Unmarshal(i.Credentials[0].Credential, &text); err != nil || text == "" {
		return "", exchange.Brokenf(verdict.Content, "the credential is not a text, as its format demands")
	}
	return text, nil
}

// verify checks the credential by its format.
func (s *session) verify(ctx context.Context) error {
	text, err := s.issued.text()
	if err != nil {
		return err
	}
	switch s.want.Format {
	case target.FormatJWTVC:
		return s.verifyJWTVC(ctx, text)
	case target.FormatMDoc:
		return s.verifyMDoc(text)
	}
	return s.verifySDJWT(ctx, text)
}
