package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"tocsin/system/lab/fault"
)

// Lab is what the socket controls.
type Lab interface {
	Status(ctx context.Context) Status
	Inject(ctx context.Context, ask FaultRequest, lease time.Duration) (Fault, error)
	Renew(id string, lease time.Duration) (Fault, error)
	Revert(ctx context.Context, id string) (Fault, error)
	Fault(id string) (Fault, error)
	Faults() []Fault
	Sabotages() []Sabotage
	Sabotage(ctx context.Context, name string, apply bool) error
	Shutdown()
}

// bodyLimit bounds a request, in bytes.
const bodyLimit = 16 << 10

// Server answers the control socket.
type Server struct {
	lab Lab
	log *slog.Logger
}

// NewServer makes a server for lab.
func NewServer(lab Lab, log *slog.Logger) *Server { return &Server{lab: lab, log: log} }

// Serve answers on listener until ctx ends.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           http.MaxBytesHandler(s.routes(), bodyLimit),
		ReadHeaderTimeout: 2 * time.Second,
		ReadTimeout:       5 * time.Second,
	}
	stopped := context.AfterFunc(ctx, func() {
		if err := server.Close(); err != nil {
			s.log.Warn("close control socket", "error", err)
		}
	})
	defer stopped()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve control socket: %w", err)
	}
	return nil
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) { s.answer(w, http.StatusOK, s.lab.Status(r.Context())) })
	mux.HandleFunc("GET /v1/faults", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, http.StatusOK, s.lab.Faults()) })
	mux.HandleFunc("POST /v1/faults", s.inject)
	mux.HandleFunc("GET /v1/faults/{id}", func(w http.ResponseWriter, r *http.Request) {
		found, err := s.lab.Fault(r.PathValue("id"))
		s.answerOr(w, http.StatusOK, found, err)
	})
	mux.HandleFunc("POST /v1/faults/{id}/renew", s.renew)
	mux.HandleFunc("DELETE /v1/faults/{id}", func(w http.ResponseWriter, r *http.Request) {
		ended, err := s.lab.Revert(r.Context(), r.PathValue("id"))
		s.answerOr(w, http.StatusOK, ended, err)
	})
	mux.HandleFunc("GET /v1/sabotages", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, http.StatusOK, s.lab.Sabotages()) })
	mux.HandleFunc("POST /v1/sabotages/{name}", s.sabotage(true))
	mux.HandleFunc("DELETE /v1/sabotages/{name}", s.sabotage(false))
	mux.HandleFunc("POST /v1/shutdown", func(w http.ResponseWriter, _ *http.Request) {
		s.answer(w, http.StatusAccepted, struct{}{})
		// The answer has to be on its way before the end begins.
		if err := http.NewResponseController(w).Flush(); err != nil {
			s.log.Warn("answer control request", "error", err)
		}
		s.lab.Shutdown()
	})
	return mux
}

func (s *Server) inject(w http.ResponseWriter, r *http.Request) {
	var ask FaultRequest
	lease, err := read(r, &ask, func() string { return ask.Lease })
	if err != nil {
		s.answerOr(w, 0, nil, err)
		return
	}
	made, err := s.lab.Inject(r.Context(), ask, lease)
	s.answerOr(w, http.StatusCreated, made, err)
}

func (s *Server) renew(w http.ResponseWriter, r *http.Request) {
	var ask RenewRequest
	lease, err := read(r, &ask, func() string { return ask.Lease })
	if err != nil {
		s.answerOr(w, 0, nil, err)
		return
	}
	renewed, err := s.lab.Renew(r.PathValue("id"), lease)
	s.answerOr(w, http.StatusOK, renewed, err)
}

func (s *Server) sabotage(apply bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := s.lab.Sabotage(r.Context(), r.PathValue("name"), apply)
		s.answerOr(w, http.StatusOK, s.lab.Sabotages(), err)
	}
}

// read takes a request's body, strictly, and its lease.
func read(r *http.Request, into any, lease func() string) (time.Duration, error) {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return 0, fmt.Errorf("%w: read request: %w", fault.ErrInvalid, err)
	}
	length, err := time.ParseDuration(lease())
	if err != nil {
		return 0, fmt.Errorf("%w: lease: %w", fault.ErrInvalid, err)
	}
	return length, nil
}

func (s *Server) answerOr(w http.ResponseWriter, status int, body any, err error) {
	switch {
	case err == nil:
		s.answer(w, status, body)
	case errors.Is(err, fault.ErrInvalid):
		s.answer(w, http.StatusBadRequest, problem{err.Error()})
	case errors.Is(err, fault.ErrHeld):
		s.answer(w, http.StatusConflict, problem{err.Error()})
	case errors.Is(err, fault.ErrUnknown), errors.Is(err, ErrNoSabotage):
		s.answer(w, http.StatusNotFound, problem{err.Error()})
	default:
		s.answer(w, http.StatusInternalServerError, problem{err.Error()})
	}
}

func (s *Server) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		s.log.Warn("answer control request", "error", err)
	}
}
