package trace_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tocsin/system/internal/trace"
)

func TestFromRequest(t *testing.T) {
	const id = "0af7651916cd43dd8448eb211c80319c"
	for _, test := range []struct {
		name, header string
		kept         bool
	}{
		{"a valid traceparent is kept", "00-" + id + "-b7ad6b7169203331-01", true},
		{"an all-zero trace id is replaced", "00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01", false},
		{"upper case is replaced", "00-" + strings.ToUpper(id) + "-b7ad6b7169203331-01", false},
		{"version ff is replaced", "ff-" + id + "-b7ad6b7169203331-01", false},
		{"nothing is replaced", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Traceparent", test.header)
			got := trace.FromRequest(r).TraceID
			if (got == id) != test.kept || len(got) != 32 {
				t.Errorf("trace id %q", got)
			}
		})
	}
}

func TestMarkReachesLogAndNextService(t *testing.T) {
	var out bytes.Buffer
	mark := trace.Mark{TraceID: "0af7651916cd43dd8448eb211c80319c", Run: "run-1"}
	ctx := trace.With(context.Background(), mark)
	trace.NewLogger(&out, "identity", "a").InfoContext(ctx, "hello")
	for _, want := range []string{`"zone":"a"`, `"trace_id":"` + mark.TraceID, `"synthetic_run":"run-1"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("log line lacks %s: %s", want, out.String())
		}
	}
	header := http.Header{}
	trace.Propagate(ctx, header)
	next := &http.Request{Header: header}
	if trace.FromRequest(next) != mark {
		t.Errorf("next service sees %+v", trace.FromRequest(next))
	}
}
