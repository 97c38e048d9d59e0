// Package oautherr owns the errors of the provider: one typed kind for each
// thing a protocol may say, and its rendering as OAuth JSON. Whatever is not
// such a kind is an infrastructure error and leaves as 503 with Retry-After: a
// client throws its code or credential away on a verdict, and tries again on a
// 503, so a broken store must never sound like a verdict.
package oautherr

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
)

// RetryAfter is the advice, in seconds, that goes with every 503: failovers
// here take seconds, not minutes.
const RetryAfter = "1"

// maxDescription bounds what a description may repeat of a request.
const maxDescription = 300

// Error is a verdict on a request. Description is for the developer of the
// client and holds nothing secret.
type Error struct {
	Kind        Kind
	Description string
}

// New returns a verdict. What it quotes of the request is kept to the
// characters that an error_description may have.
func New(kind Kind, format string, args ...any) *Error {
	description := format
	if len(args) > 0 {
		description = fmt.Sprintf(format, args...)
	}
	return &Error{Kind: kind, Description: printable(description)}
}

// printable returns text in the characters of RFC 6749, 5.2, which are also
// safe in the quoted strings of WWW-Authenticate.
func printable(text string) string {
	if len(text) > maxDescription {
		text = text[:maxDescription]
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < ' ', r > '~', r == '\\':
			return '?'
		}
		return r
	}, text)
}

func (e *Error) Error() string { return string(e.Kind) + ": " + e.Description }

// Verdict returns the verdict in err, or nil when err is an infrastructure error.
func Verdict(err error) *Error {
	var verdict *Error
	if errors.As(err, &verdict) {
		return verdict
	}
	return nil
}

// Status is the HTTP status of err as an answer.
func Status(err error) int {
	if verdict := Verdict(err); verdict != nil {
		return verdict.Kind.status()
	}
	return http.StatusServiceUnavailable
}

// body is the JSON form of RFC 6749, 5.2.
type body struct {
	Error       Kind   `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// WriteJSON answers with err.
func WriteJSON(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	WriteStatus(w, r, log, err, Status(err))
}

// WriteStatus answers with err and, if it is a verdict, with status: a resource
// and the authorization server may give different ones to the same kind.
func WriteStatus(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error, status int) {
	answer := body{Error: TemporarilyUnavailable, Description: "the service cannot answer now; try again"}
	header := w.Header()
	if verdict := Verdict(err); verdict != nil {
		answer = body{Error: verdict.Kind, Description: verdict.Description}
		challengeClient(header, r, verdict.Kind)
	} else {
		status = http.StatusServiceUnavailable
		header.Set("Retry-After", RetryAfter)
	}
	Log(r, log, err)
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		log.DebugContext(r.Context(), "write error answer", "error", err)
	}
}

// challengeClient answers a client that tried the Authorization header with the
// same scheme (RFC 6749, 5.2).
func challengeClient(header http.Header, r *http.Request, kind Kind) {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if kind == InvalidClient && strings.EqualFold(scheme, "Basic") {
		header.Set("WWW-Authenticate", `Basic realm="clients", charset="UTF-8"`)
	}
}

// Log writes err down: verdicts for whoever debugs a client, the rest as warnings.
func Log(r *http.Request, log *slog.Logger, err error) {
	if Verdict(err) != nil {
		log.InfoContext(r.Context(), "request refused", "path", r.URL.Path, "error", err)
		return
	}
	log.WarnContext(r.Context(), "request failed for an infrastructure reason", "path", r.URL.Path, "error", err)
}
