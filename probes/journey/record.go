package journey

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"

	"tocsin/probes"
	"tocsin/probes/exchange"
)

// maxRecorded bounds what is remembered of a body, in bytes.
const maxRecorded = 64 << 10

// recording is an exchange under way.
type recording struct {
	request *http.Request
	body    []byte
}

// recordRequest remembers what is about to be sent, without consuming it.
func recordRequest(request *http.Request) recording {
	return recording{request: request, body: bodyOf(request)}
}

// bodyOf reads a second copy of a body. One that cannot be read twice is sent
// all the same, and missing from the evidence.
func bodyOf(request *http.Request) []byte {
	if request.GetBody == nil {
		return nil
	}
	body, err := request.GetBody()
	if err != nil {
		return nil
	}
	var start bytes.Buffer
	_, readErr := io.CopyN(&start, body, maxRecorded)
	if closeErr := body.Close(); closeErr != nil || readErr != nil && !errors.Is(readErr, io.EOF) {
		return nil
	}
	return start.Bytes()
}

func (r recording) ended(step string, started time.Time, hop probes.Hop, reply *exchange.Reply, err error) probes.Exchange {
	done := probes.Exchange{
		Step: step, Started: started, Hop: hop, Method: r.request.Method, URL: r.request.URL.String(),
		RequestHeader: r.request.Header, RequestBody: r.body,
	}
	if err != nil {
		done.Error, done.TLS = err.Error(), exchange.SeenIn(err)
		return done
	}
	done.ResponseHeader, done.TLS = reply.Header, reply.TLS
	done.ResponseBody = reply.Body[:min(len(reply.Body), maxRecorded)]
	return done
}
