package heartbeat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
)

// Path of reports, which a name follows, and of the list of all.
const (
	Path     = "/heartbeat/"
	ListPath = "/api/v1/heartbeats"
)

// mostBody bounds what a job may say, in bytes.
const mostBody = 4 << 10

// Receiver takes reports: POST /heartbeat/NAME with a bearer token, and in its
// body nothing, or how the job went.
type Receiver struct {
	book *Book
	log  *slog.Logger
}

// NewReceiver makes the handler of Path.
func NewReceiver(book *Book, log *slog.Logger) *Receiver { return &Receiver{book: book, log: log} }

func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "report with POST", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(request.URL.Path, Path)
	if !r.authorised(request, name) {
		// The same for a name that there is not: names are nobody's business.
		w.Header().Set("WWW-Authenticate", `Bearer realm="tocsin heartbeat"`)
		http.Error(w, "no heartbeat of that name takes that token", http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, mostBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		http.Error(w, fmt.Sprintf("a report has at most %d bytes", mostBody), http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "the report was cut off", http.StatusBadRequest)
		return
	}
	report, err := ParseReport(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	report.Name, report.At = name, r.book.now().UTC()
	r.take(w, request, report)
}

func (r *Receiver) take(w http.ResponseWriter, request *http.Request, report Report) {
	standing, err := r.book.receive(request.Context(), report)
	if err != nil {
		r.log.ErrorContext(request.Context(), "a heartbeat was not recorded", "heartbeat", report.Name, "error", err)
		http.Error(w, "the report could not be recorded; send it again", http.StatusServiceUnavailable)
		return
	}
	r.answer(w, request, standing)
}

func (r *Receiver) authorised(request *http.Request, name string) bool {
	scheme, token, _ := strings.Cut(request.Header.Get("Authorization"), " ")
	config, ok := r.book.config(name)
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return false
	}
	accepted, err := config.accepts(strings.TrimSpace(token))
	if err != nil {
		r.log.Error("a heartbeat cannot be checked", "heartbeat", name, "error", err)
	}
	return accepted
}

// List answers with how all heartbeats stand.
func (r *Receiver) List(w http.ResponseWriter, request *http.Request) {
	r.answer(w, request, r.book.List())
}

func (r *Receiver) answer(w http.ResponseWriter, request *http.Request, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		r.log.DebugContext(request.Context(), "the caller left before the answer", "error", err)
	}
}
