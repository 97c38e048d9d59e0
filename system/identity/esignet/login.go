package esignet

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"tocsin/system/authenticator"
	"tocsin/system/identity/login"
)

func (s *Surface) sendOTP(w http.ResponseWriter, r *http.Request) (any, error) {
	kept, err := s.continued(r)
	if err != nil {
		return nil, err
	}
	var in struct {
		TransactionID string   `json:"transactionId"`
		IndividualID  string   `json:"individualId"`
		Channels      []string `json:"otpChannels"`
	}
	if err := s.read(w, r, &in); err != nil {
		return nil, err
	}
	if err := kept.matches(in.TransactionID); err != nil {
		return nil, err
	}
	if in.IndividualID == "" {
		return nil, refuse(invalidIdentifier, "individualId is missing")
	}
	other := func(channel string) bool { return channel != "email" && channel != "phone" }
	if len(in.Channels) == 0 || slices.ContainsFunc(in.Channels, other) {
		return nil, refuse(invalidOTPChannel, "otpChannels must be email, phone or both")
	}
	forget, err := s.attempt(r.Context(), "send-otp", kept, in.IndividualID)
	if err != nil {
		return nil, err
	}
	delivery, sent, err := s.config.Steps.SendOTP(r.Context(), kept.transaction, in.IndividualID)
	if err != nil {
		if verdictOf(err) == nil {
			forget() // it was not sent, so far as anybody knows
		}
		return nil, fmt.Errorf("send one-time code: %w", err)
	}
	if err := s.advance(r.Context(), kept, sent); err != nil {
		return nil, err
	}
	return struct {
		TransactionID string `json:"transactionId"`
		MaskedEmail   string `json:"maskedEmail"`
		MaskedMobile  string `json:"maskedMobile"`
	}{kept.id, delivery.MaskedEmail, delivery.MaskedPhone}, nil
}

// challenge is one proof of an identity.
type challenge struct {
	Factor    authenticator.Factor `json:"authFactorType"`
	Challenge string               `json:"challenge"`
	Format    string               `json:"format"`
}

// authRequest is a login.
type authRequest struct {
	TransactionID string      `json:"transactionId"`
	IndividualID  string      `json:"individualId"`
	Challenges    []challenge `json:"challengeList"`
}

// The consent actions.
const (
	capture   = "CAPTURE"   // the person has to be asked
	noCapture = "NOCAPTURE" // they have allowed it before
)

// authenticate returns the login step; only its later versions tell whether
// consent is next.
func (s *Surface) authenticate(tellsAction bool) func(http.ResponseWriter, *http.Request) (any, error) {
	return func(w http.ResponseWriter, r *http.Request) (any, error) {
		kept, err := s.continued(r)
		if err != nil {
			return nil, err
		}
		var in authRequest
		if err := s.read(w, r, &in); err != nil {
			return nil, err
		}
		if err := kept.matches(in.TransactionID); err != nil {
			return nil, err
		}
		if err := in.check(); err != nil {
			return nil, err
		}
		if err := s.login(r, kept, &in); err != nil {
			return nil, err
		}
		answer := struct {
			TransactionID string `json:"transactionId"`
			ConsentAction string `json:"consentAction,omitempty"`
		}{TransactionID: kept.id}
		if tellsAction {
			answer.ConsentAction = kept.action()
		}
		return answer, nil
	}
}

func (in *authRequest) check() error {
	if in.IndividualID == "" {
		return refuse(invalidIdentifier, "individualId is missing")
	}
	if len(in.Challenges) != 1 { // no factor here needs another beside it
		return refuse(invalidNoOfChallenges, "challengeList must hold one challenge")
	}
	given := in.Challenges[0]
	switch {
	case !offersHere(given.Factor):
		return refuse(invalidFactorType, "authFactorType must be PIN or OTP")
	case given.Challenge == "":
		return refuse(invalidChallenge, "challenge is missing")
	case given.Format != "number" && given.Format != "alpha-numeric":
		return refuse(invalidChallengeFormat, "format must be number or alpha-numeric")
	}
	return nil
}

// login checks the challenge and keeps who it is.
func (s *Surface) login(r *http.Request, kept *state, in *authRequest) error {
	forget, err := s.attempt(r.Context(), "authenticate", kept, in.IndividualID)
	if err != nil {
		return err
	}
	given := in.Challenges[0]
	outcome, err := s.config.Steps.Authenticate(r.Context(), kept.transaction, given.Factor, in.IndividualID, given.Challenge)
	if err != nil {
		if !errors.Is(err, login.ErrMismatch) {
			forget() // no guess was judged
		}
		return fmt.Errorf("authenticate: %w", err)
	}
	forget()
	if err := refused(outcome); err != nil {
		return err
	}
	admitted := *kept.transaction
	admitted.Session = outcome.Session
	// The code is made when it is asked for: it lives for a minute only.
	kept.Known = outcome.Code != ""
	return s.advance(r.Context(), kept, &admitted)
}

// refused returns the verdict of a login that ended without a code.
func refused(outcome *login.Outcome) error {
	if outcome.Location == "" || outcome.Code != "" {
		return nil
	}
	if found := refusalAt(outcome.Location); found != nil {
		return found
	}
	return errors.New("login ended without a code and without a reason")
}

// action tells whether consent is next.
func (k *state) action() string {
	if k.Known {
		return noCapture
	}
	return capture
}
