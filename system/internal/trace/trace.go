// Package trace carries the W3C trace id and the synthetic mark of a request
// through a service: from headers into the context, from the context into log
// lines and into requests to the next service. It records no spans.
package trace

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"strings"
)

// SyntheticHeader marks requests that a probe or a load test makes; its value
// is the id of the run.
const SyntheticHeader = "X-Synthetic-Run"

// Mark is what a request carries across services.
type Mark struct {
	// TraceID is 32 hexadecimal digits; never empty after FromRequest.
	TraceID string
	// Run is the synthetic run's id, empty for real users.
	Run string
}

// Synthetic returns the value of the metric label of that name.
func (m Mark) Synthetic() string {
	if m.Run == "" {
		return "false"
	}
	return "true"
}

type contextKey struct{}

// With returns ctx carrying m.
func With(ctx context.Context, m Mark) context.Context {
	return context.WithValue(ctx, contextKey{}, m)
}

// From returns the mark in ctx, or a zero one.
func From(ctx context.Context) Mark {
	m, found := ctx.Value(contextKey{}).(Mark)
	if !found {
		return Mark{}
	}
	return m
}

// FromRequest reads the mark of a request. A request without a usable
// traceparent gets a new trace id, as W3C Trace Context 4.3 asks.
func FromRequest(r *http.Request) Mark {
	id, valid := parse(r.Header.Get("Traceparent"))
	if !valid {
		id = random(16)
	}
	run := r.Header.Get(SyntheticHeader)
	if len(run) > 64 {
		run = run[:64]
	}
	return Mark{TraceID: id, Run: run}
}

// Propagate writes the mark in ctx into the headers of a request that ctx causes.
func Propagate(ctx context.Context, header http.Header) {
	m := From(ctx)
	if m.TraceID != "" {
		header.Set("Traceparent", "00-"+m.TraceID+"-"+random(8)+"-01")
	}
	if m.Run != "" {
		header.Set(SyntheticHeader, m.Run)
	}
}

// parse reads the trace id out of a traceparent header: version, 16 bytes of
// trace id, 8 of parent id and flags, all in lower-case hexadecimal.
func parse(header string) (string, bool) {
	parts := strings.Split(header, "-")
	if len(parts) < 4 || len(parts[0]) != 2 || parts[0] == "ff" || len(parts[1]) != 32 || len(parts[2]) != 16 {
		return "", false
	}
	if strings.ToLower(parts[1]) != parts[1] || strings.Trim(parts[1], "0") == "" {
		return "", false
	}
	if _, err := hex.DecodeString(parts[1]); err != nil {
		return "", false
	}
	return parts[1], true
}

func random(n int) string {
	raw := make([]byte, n)
	rand.Read(raw) // never fails: the runtime aborts the process instead
	return hex.EncodeToString(raw)
}

// NewLogger returns a logger of JSON lines that adds component, zone and, where
// the context has one, trace_id.
func NewLogger(out io.Writer, component, zone string) *slog.Logger {
	handler := slog.NewJSONHandler(out, nil)
	return slog.New(logHandler{handler}).With("component", component, "zone", zone)
}

type logHandler struct{ slog.Handler }

func (h logHandler) Handle(ctx context.Context, record slog.Record) error {
	if m := From(ctx); m.TraceID != "" {
		record.AddAttrs(slog.String("trace_id", m.TraceID))
		if m.Run != "" {
			record.AddAttrs(slog.String("synthetic_run", m.Run))
		}
	}
	return h.Handler.Handle(ctx, record)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.Handler.WithGroup(name)}
}
