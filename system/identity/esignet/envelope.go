package esignet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// maxBody bounds a request, in bytes.
	maxBody = 64 << 10
	// maxDepth is generous for the claims parameter and a client's key.
	maxDepth = 16
	// leeway is how far requestTime may be from our time.
	leeway = 2 * time.Minute
	// timeFormat is that of requestTime and responseTime, in UTC.
	timeFormat = "2006-01-02T15:04:05.000Z"
)

// envelope is what every request comes in.
type envelope struct {
	RequestTime string          `json:"requestTime"`
	Request     json.RawMessage `json:"request"`
}

// read decodes the request of r into into.
func (s *Surface) read(w http.ResponseWriter, r *http.Request, into any) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return refuse(invalidRequest, "Content-Type must be application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return refuse(payloadTooLarge, "the body has more than %d bytes", maxBody)
	}
	if err != nil {
		return refuse(invalidRequest, "the body ended early")
	}
	return open(body, s.config.Now(), into)
}

// open decodes the request in an envelope that was sent at about now.
func open(body []byte, now time.Time, into any) error {
	if err := plain(body); err != nil {
		return refuse(invalidRequest, "the body is not taken: %v", err)
	}
	var outer envelope
	if err := json.Unmarshal(body, &outer); err != nil {
		return refuse(invalidRequest, "the body is not an envelope of requestTime and request")
	}
	sent, err := time.Parse(timeFormat, outer.RequestTime)
	if err != nil || sent.Sub(now).Abs() > leeway {
		return refuse(invalidRequest, "requestTime must be the time now in UTC, as in %s", timeFormat)
	}
	if len(outer.Request) == 0 || outer.Request[0] != '{' {
		return refuse(invalidRequest, "request is missing")
	}
	if err := json.Unmarshal(outer.Request, into); err != nil {
		return refuse(invalidInput, "a member of request has the wrong type")
	}
	return nil
}

// plain refuses JSON that two readers could understand differently: bytes that
// are no text, members given twice, even in another case, and deep nesting.
func plain(body []byte) error {
	if !utf8.Valid(body) {
		return errors.New("it is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := value(decoder, 0); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON")
	}
	return nil
}

var (
	errSyntax = errors.New("it is not JSON")
	errDepth  = fmt.Errorf("it nests deeper than %d", maxDepth)
	errTwice  = errors.New("a member is given twice")
)

// value reads one JSON value.
func value(decoder *json.Decoder, depth int) error {
	token, err := decoder.Token()
	if err != nil {
		return errSyntax
	}
	delimiter, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	if depth >= maxDepth {
		return errDepth
	}
	seen := map[string]bool{}
	for decoder.More() {
		if delimiter == '{' {
			name, err := decoder.Token()
			if err != nil {
				return errSyntax
			}
			folded := strings.ToLower(name.(string)) // members have string names
			if seen[folded] {
				return errTwice
			}
			seen[folded] = true
		}
		if err := value(decoder, depth+1); err != nil {
			return err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return errSyntax
	}
	return nil
}

// encode returns the JSON of a response as browsers write it, without escapes
// for HTML: pages hash what they get when they write it again.
func encode(response any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(response); err != nil {
		return nil, fmt.Errorf("encode response: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// reported is one error in an answer.
type reported struct {
	Code    string `json:"errorCode"`
	Message string `json:"errorMessage"`
}

// wrap returns the envelope of an answer; response is JSON, or nil.
func (s *Surface) wrap(response []byte, problems []reported) ([]byte, error) {
	if response == nil {
		response = []byte("null")
	}
	if problems == nil {
		problems = []reported{}
	}
	told, err := json.Marshal(problems)
	if err != nil {
		return nil, fmt.Errorf("encode errors: %w", err)
	}
	body := make([]byte, 0, len(response)+len(told)+80)
	body = append(body, `{"responseTime":"`...)
	body = s.config.Now().UTC().AppendFormat(body, timeFormat)
	body = append(body, `","response":`...)
	body = append(body, response...)
	body = append(body, `,"errors":`...)
	body = append(body, told...)
	return append(body, '}'), nil
}
