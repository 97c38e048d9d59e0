package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tocsin/system/authenticator"
	"tocsin/system/authenticator/rpc"
)

// maxPerson bounds a reference to a person, in bytes: it travels in cookies.
const maxPerson = 256

// errUnwell means that the plug-in answered, and not that it is well.
var errUnwell = errors.New("plug-in reports that it is not well")

// Authenticate implements authenticator.Authenticator.
func (h *Host) Authenticate(ctx context.Context, attempt authenticator.Attempt) (string, error) {
	var answer rpc.Person
	if err := h.call(ctx, rpc.AuthenticatePath, attempt, &answer); err != nil {
		return "", fmt.Errorf("authenticate person: %w", err)
	}
	if answer.Person == "" || len(answer.Person) > maxPerson {
		return "", fmt.Errorf("authenticate person: plug-in gave a reference of %d bytes", len(answer.Person))
	}
	return answer.Person, nil
}

// SendOTP implements authenticator.Authenticator.
func (h *Host) SendOTP(ctx context.Context, transaction, individualID string) (*authenticator.Delivery, error) {
	answer := &authenticator.Delivery{}
	if err := h.call(ctx, rpc.OTPPath, rpc.OTPRequest{Transaction: transaction, IndividualID: individualID}, answer); err != nil {
		return nil, fmt.Errorf("send one-time code: %w", err)
	}
	return answer, nil
}

// Claims implements authenticator.Authenticator.
func (h *Host) Claims(ctx context.Context, person string, names []string) (map[string]any, error) {
	var answer rpc.Claims
	if err := h.call(ctx, rpc.ClaimsPath, rpc.ClaimsRequest{Person: person, Names: names}, &answer); err != nil {
		return nil, fmt.Errorf("read claims: %w", err)
	}
	if answer.Claims == nil {
		return nil, errors.New("read claims: plug-in gave none, not even an empty set")
	}
	return answer.Claims, nil
}

// call makes one call, and makes it again at the next instance when the plug-in
// died under it.
func (h *Host) call(ctx context.Context, path string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	if len(body) > rpc.MaxRequest {
		return authenticator.ErrMismatch // nobody has such an id, nor such a secret
	}
	ctx, cancel := context.WithTimeout(ctx, h.config.CallTimeout)
	defer cancel()
	var last *instance
	for {
		running, err := h.ready(ctx, last)
		if err != nil {
			return err
		}
		err = running.roundTrip(ctx, http.MethodPost, path, body, answer)
		var broken *brokenError
		if !errors.As(err, &broken) || ctx.Err() != nil {
			return err
		}
		if !running.endsWithin(deathNotice) {
			return err
		}
		last = running
	}
}

// deathNotice is how long after its connection broke a process is given to be
// known as dead.
const deathNotice = 100 * time.Millisecond

// roundTrip fails with a verdict only if the plug-in gave it in so many words.
func (i *instance) roundTrip(ctx context.Context, method, path string, body []byte, answer any) error {
	status, text, err := i.links.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	if len(text) > rpc.MaxAnswer {
		return fmt.Errorf("plug-in answered with more than %d bytes", rpc.MaxAnswer)
	}
	return parse(status, text, answer)
}

// parse reads an answer; answer may be nil.
func parse(status int, text []byte, answer any) error {
	if status != http.StatusOK && status != http.StatusNoContent {
		var problem rpc.Problem
		if err := json.Unmarshal(text, &problem); err != nil {
			return fmt.Errorf("plug-in answered with status %d and no reason", status)
		}
		if verdict := rpc.Verdict(status, problem); verdict != nil {
			return verdict
		}
		return fmt.Errorf("plug-in answered with status %d: %.40q", status, problem.Error)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("read answer of plug-in: %w", err)
	}
	return nil
}

// health fails with errUnwell, or because there was no answer.
func (i *instance) health(ctx context.Context) error {
	err := i.roundTrip(ctx, http.MethodGet, rpc.HealthPath, nil, nil)
	var broken *brokenError
	if err == nil || errors.As(err, &broken) {
		return err
	}
	return fmt.Errorf("%w: %w", errUnwell, err)
}

// greet waits until the plug-in answers and checks that it is the right one.
func (h *Host) greet(ctx context.Context, running *instance) error {
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		var hello rpc.Handshake
		err := running.roundTrip(ctx, http.MethodGet, rpc.HandshakePath, nil, &hello)
		var broken *brokenError
		switch {
		case err == nil:
			return h.accept(running, hello)
		case !errors.As(err, &broken):
			return fmt.Errorf("greet plug-in: %w", err)
		}
		select {
		case <-running.exited:
			return running.died()
		case <-ctx.Done():
			return fmt.Errorf("greet plug-in: %w", errors.Join(ctx.Err(), err))
		case <-ticker.C:
		}
	}
}

func (h *Host) accept(running *instance, hello rpc.Handshake) error {
	if hello.Protocol != authenticator.Version {
		return fmt.Errorf("plug-in speaks protocol %d, not %d", hello.Protocol, authenticator.Version)
	}
	if hello.Name != h.config.Name {
		return fmt.Errorf("plug-in calls itself %.60q, not %q", hello.Name, h.config.Name)
	}
	running.factors = hello.Factors
	return nil
}
