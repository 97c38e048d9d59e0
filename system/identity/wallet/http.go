package wallet

import (
	"context"
	"net/http"

	"tocsin/system/identity/login"
	"tocsin/system/identity/transaction"
)

// Handler is the part of the internal interface for wallet logins:
//
//	/login/wallet/begin    {state}                         -> Link
//	/login/wallet/status   {state, link_code}              -> login.Next
//	/login/wallet/view     {link_code}                     -> View
//	/login/wallet/approve  {link_code, individual_id, pin} -> 204
//
// A link that is gone is the problem link_gone with 410; the login itself goes on.
func Handler(s *Service, steps *login.API) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /login/wallet/begin", steps.Step(func(ctx context.Context, t *transaction.Transaction, _ *login.Input) (any, error) {
		return s.Begin(ctx, t)
	}))
	mux.Handle("POST /login/wallet/status", steps.Step(func(ctx context.Context, t *transaction.Transaction, in *login.Input) (any, error) {
		outcome, err := s.Status(ctx, t, in.LinkCode)
		if err != nil {
			return nil, err
		}
		if outcome == nil {
			return &login.Next{Pending: true}, nil
		}
		return steps.Next(outcome)
	}))
	mux.HandleFunc("POST /login/wallet/view", func(w http.ResponseWriter, r *http.Request) {
		input, err := login.Read(w, r)
		if err != nil {
			steps.Answer(w, r, nil, nil, err)
			return
		}
		view, err := s.View(r.Context(), input.LinkCode)
		steps.Answer(w, r, nil, view, err)
	})
	mux.HandleFunc("POST /login/wallet/approve", func(w http.ResponseWriter, r *http.Request) {
		input, err := login.Read(w, r)
		if err == nil {
			err = s.Approve(r.Context(), input.LinkCode, input.IndividualID, input.PIN)
		}
		if err != nil {
			steps.Answer(w, r, nil, nil, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}
