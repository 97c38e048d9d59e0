package plugin

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"

	"tocsin/system/authenticator"
	"tocsin/system/authenticator/rpc"
)

// Handler answers the calls of the provider with a. It is what Serve serves.
func Handler(info Info, a authenticator.Authenticator, log *slog.Logger) http.Handler {
	h := &handler{info: info, authenticator: a, log: log}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+rpc.HandshakePath, h.handshake)
	mux.HandleFunc("GET "+rpc.HealthPath, h.health)
	mux.HandleFunc("POST "+rpc.AuthenticatePath, h.authenticate)
	mux.HandleFunc("POST "+rpc.OTPPath, h.otp)
	mux.HandleFunc("POST "+rpc.ClaimsPath, h.claims)
	return mux
}

type handler struct {
	info          Info
	authenticator authenticator.Authenticator
	log           *slog.Logger
}

func (h *handler) handshake(w http.ResponseWriter, r *http.Request) {
	h.answer(w, r, rpc.Handshake{Protocol: authenticator.Version, Name: h.info.Name, Factors: h.info.Factors}, nil)
}

func (h *handler) health(w http.ResponseWriter, r *http.Request) {
	if healthy, can := h.authenticator.(Healthy); can {
		if err := healthy.Health(r.Context()); err != nil {
			h.answer(w, r, nil, err)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h *handler) authenticate(w http.ResponseWriter, r *http.Request) {
	var attempt authenticator.Attempt
	if err := decode(r, &attempt); err != nil {
		h.answer(w, r, nil, err)
		return
	}
	person, err := h.authenticator.Authenticate(r.Context(), attempt)
	h.answer(w, r, rpc.Person{Person: person}, err)
}

func (h *handler) otp(w http.ResponseWriter, r *http.Request) {
	var request rpc.OTPRequest
	if err := decode(r, &request); err != nil {
		h.answer(w, r, nil, err)
		return
	}
	delivery, err := h.authenticator.SendOTP(r.Context(), request.Transaction, request.IndividualID)
	h.answer(w, r, delivery, err)
}

func (h *handler) claims(w http.ResponseWriter, r *http.Request) {
	var request rpc.ClaimsRequest
	if err := decode(r, &request); err != nil {
		h.answer(w, r, nil, err)
		return
	}
	claims, err := h.authenticator.Claims(r.Context(), request.Person, request.Names)
	h.answer(w, r, rpc.Claims{Claims: claims}, err)
}

// decode reads one JSON value and nothing after it. Members it does not know
// are those of a newer provider.
func decode(r *http.Request, into any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, rpc.MaxRequest+1))
	if err != nil || len(body) > rpc.MaxRequest {
		return rpc.ErrInvalid
	}
	if err := json.Unmarshal(body, into); err != nil {
		return rpc.ErrInvalid
	}
	return nil
}

func (h *handler) answer(w http.ResponseWriter, r *http.Request, result any, err error) {
	status := http.StatusOK
	if err != nil {
		status, result = rpc.ProblemOf(err)
	}
	if status == http.StatusServiceUnavailable {
		h.log.WarnContext(r.Context(), "call failed", "path", r.URL.Path, "error", err)
	}
	body, err := json.Marshal(result)
	if err != nil {
		h.log.WarnContext(r.Context(), "answer cannot be written as JSON", "path", r.URL.Path, "error", err)
		status, body = http.StatusServiceUnavailable, []byte(`{"error":"unavailable"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		h.log.DebugContext(r.Context(), "write answer", "error", err)
	}
}
