package telemetry

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"time"
)

// Version of this build.
const Version = "0.1.0"

// Headers that every synthetic request carries, so that the system under test
// can tell it from a person's and leave it out of business figures.
const (
	HeaderTraceparent  = "Traceparent"
	HeaderSyntheticRun = "X-Synthetic-Run"
	UserAgent          = "tocsin/" + Version
)

// Trace identifies one run in the traces of the system under test.
type Trace struct {
	TraceID string
	SpanID  string
}

// NewTrace starts a trace with random ids.
func NewTrace() Trace {
	random := randomHex(24)
	return Trace{TraceID: random[:32], SpanID: random[32:]}
}

// Child is the same trace with a span of its own, for one step of a run.
func (t Trace) Child() Trace {
	return Trace{TraceID: t.TraceID, SpanID: randomHex(8)}
}

// Traceparent renders t as W3C Trace Context version 00, sampled.
func (t Trace) Traceparent() string {
	return "00-" + t.TraceID + "-" + t.SpanID + "-01"
}

// Mark puts the headers of synthetic traffic on a request.
func Mark(header http.Header, trace Trace, runID string) {
	header.Set(HeaderTraceparent, trace.Traceparent())
	header.Set("User-Agent", UserAgent)
	header.Set(HeaderSyntheticRun, runID)
}

// RunID makes the id of one run. Ids sort by the second in which they were
// made and are fit to name a folder.
func RunID() string {
	return time.Now().UTC().Format("20060102-150405") + "-" + randomHex(4)
}

// randomHex never fails: crypto/rand.Read ends the program rather than return
// an error.
func randomHex(bytes int) string {
	buffer := make([]byte, bytes)
	rand.Read(buffer)
	return hex.EncodeToString(buffer)
}
