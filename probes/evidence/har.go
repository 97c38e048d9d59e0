package evidence

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"tocsin/internal/telemetry"
	"tocsin/probes"
)

// HTTP Archive 1.2. Times are in milliseconds; -1 means that it does not apply.
type harFile struct {
	Log harLog `json:"log"`
}

type harLog struct {
	Version string     `json:"version"`
	Creator harCreator `json:"creator"`
	Comment string     `json:"comment"`
	Entries []harEntry `json:"entries"`
}

type harCreator struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type harEntry struct {
	Started  string      `json:"startedDateTime"`
	Time     float64     `json:"time"`
	Request  harRequest  `json:"request"`
	Response harResponse `json:"response"`
	Cache    struct{}    `json:"cache"`
	Timings  harTimings  `json:"timings"`
	Comment  string      `json:"comment"`
}

type harRequest struct {
	Method      string     `json:"method"`
	URL         string     `json:"url"`
	HTTPVersion string     `json:"httpVersion"`
	Cookies     []struct{} `json:"cookies"`
	Headers     []field    `json:"headers"`
	QueryString []struct{} `json:"queryString"`
	PostData    *harText   `json:"postData,omitempty"`
	HeadersSize int        `json:"headersSize"`
	BodySize    int        `json:"bodySize"`
}

type harResponse struct {
	Status      int        `json:"status"`
	StatusText  string     `json:"statusText"`
	HTTPVersion string     `json:"httpVersion"`
	Cookies     []struct{} `json:"cookies"`
	Headers     []field    `json:"headers"`
	Content     harContent `json:"content"`
	RedirectURL string     `json:"redirectURL"`
	HeadersSize int        `json:"headersSize"`
	BodySize    int        `json:"bodySize"`
	Error       string     `json:"_error,omitempty"`
}

type harText struct {
	MimeType string `json:"mimeType"`
	Text     string `json:"text"`
}

type harContent struct {
	Size     int    `json:"size"`
	MimeType string `json:"mimeType"`
	Text     string `json:"text"`
}

type harTimings struct {
	DNS     float64 `json:"dns"`
	Connect float64 `json:"connect"`
	SSL     float64 `json:"ssl"`
	Send    float64 `json:"send"`
	Wait    float64 `json:"wait"`
	Receive float64 `json:"receive"`
}

// archive renders exchanges without their secrets.
func archive(r *Redactor, exchanges []probes.Exchange) ([]byte, error) {
	log := harLog{
		Version: "1.2", Creator: harCreator{"tocsin", telemetry.Version}, Entries: make([]harEntry, 0, len(exchanges)),
		Comment: "Secrets are redacted: cookies, tokens, codes, and every parameter whose name does not say what is asked for.",
	}
	for _, exchange := range exchanges {
		if !isHTTP(exchange) {
			continue
		}
		log.Entries = append(log.Entries, entry(r, exchange))
	}
	if len(log.Entries) == 0 {
		return nil, nil
	}
	data, err := json.MarshalIndent(harFile{log}, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encode HTTP archive: %w", err)
	}
	return append(data, '\n'), nil
}

// isHTTP tells exchanges of HTTP from others, which have no method; of these
// only the certificates are evidence.
func isHTTP(x probes.Exchange) bool { return x.Method != "" }

func entry(r *Redactor, x probes.Exchange) harEntry {
	made := harEntry{
		Started: x.Started.UTC().Format(time.RFC3339Nano), Time: x.Hop.MS, Comment: "step " + x.Step,
		Request: harRequest{
			Method: x.Method, URL: r.URL(x.URL), HTTPVersion: "HTTP", Cookies: []struct{}{}, QueryString: []struct{}{},
			Headers: r.headers(x.RequestHeader), HeadersSize: -1, BodySize: len(x.RequestBody),
		},
		Response: harResponse{
			Status: x.Hop.Status, StatusText: http.StatusText(x.Hop.Status), HTTPVersion: "HTTP", Cookies: []struct{}{},
			Headers: r.headers(x.ResponseHeader), HeadersSize: -1, BodySize: len(x.ResponseBody), Error: r.Text(x.Error),
		},
		Timings: harTimings{
			DNS: inMS(x.Hop.Phases.DNS), Connect: inMS(x.Hop.Phases.Connect), SSL: inMS(x.Hop.Phases.TLS),
			Wait: max(0, inMS(x.Hop.Phases.FirstByte)), Receive: max(0, inMS(x.Hop.Phases.Transfer)),
		},
	}
	if len(x.RequestBody) > 0 {
		kind := x.RequestHeader.Get("Content-Type")
		made.Request.PostData = &harText{kind, r.body(kind, x.RequestBody)}
	}
	kind := x.ResponseHeader.Get("Content-Type")
	made.Response.Content = harContent{len(x.ResponseBody), kind, r.body(kind, x.ResponseBody)}
	if to := x.ResponseHeader.Get("Location"); to != "" {
		made.Response.RedirectURL = r.URL(to)
	}
	return made
}

func inMS(seconds *float64) float64 {
	if seconds == nil {
		return -1
	}
	return *seconds * 1000
}
