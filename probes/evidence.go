package probes

import (
	"crypto/tls"
	"net/http"
	"time"
)

// Exchange is one HTTP exchange of a run in full, with everything secret in it.
// An exchange of another protocol has no Method, and nothing beside its TLS.
// It stays in memory; what is kept of it is decided, and made harmless, by
// probes/evidence.
type Exchange struct {
	Step    string
	Started time.Time
	Hop     Hop
	Method  string
	URL     string
	// Request and Response bodies are cut at a bound.
	RequestHeader  http.Header
	RequestBody    []byte
	ResponseHeader http.Header
	ResponseBody   []byte
	// TLS is how the connection was made; nil without TLS. Of a handshake that
	// failed it holds what certificates were seen.
	TLS *tls.ConnectionState
	// Error is why there is no answer.
	Error string
}

// Artifact is a file that a run leaves beside its exchanges, such as a
// screenshot. Name has no folder.
type Artifact struct {
	Name      string
	MediaType string
	Data      []byte
}
