package parts_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tocsin/scenarios/parts"
)

func prometheus(t *testing.T, status int, body string) *parts.Querier {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/query" || r.FormValue("query") != "up" {
			t.Errorf("%s asks %q", r.URL.Path, r.FormValue("query"))
		}
		w.WriteHeader(status)
		if _, err := w.Write([]byte(body)); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return parts.NewQuerier(server.URL+"/", server.Client())
}

func TestQueryReadsVectorsAndScalars(t *testing.T) {
	vector := `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"zone":"a"},"value":[1.5,"2"]},{"metric":{},"value":[1.5,"NaN"]}]}}`
	samples, err := prometheus(t, 200, vector).Query(t.Context(), "up")
	if err != nil || len(samples) != 2 || samples[0].Value != 2 || samples[0].Labels != `{"zone":"a"}` || !math.IsNaN(samples[1].Value) {
		t.Errorf("vector %+v, %v", samples, err)
	}
	samples, err = prometheus(t, 200, `{"status":"success","data":{"resultType":"scalar","result":[1.5,"7"]}}`).Query(t.Context(), "up")
	if err != nil || len(samples) != 1 || samples[0].Value != 7 {
		t.Errorf("scalar %+v, %v", samples, err)
	}
	samples, err = prometheus(t, 200, `{"status":"success","data":{"resultType":"vector","result":[]}}`).Query(t.Context(), "up")
	if err != nil || len(samples) != 0 {
		t.Errorf("no data %+v, %v", samples, err)
	}
}

func TestWhatIsNoAnswerIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"a wrong query": {400, `{"status":"error","error":"parse error"}`, "parse error"},
		"an error page": {502, `<html>`, "status 502"},
		"a range":       {200, `{"status":"success","data":{"resultType":"matrix","result":[]}}`, "matrix"},
		"half a sample": {200, `{"status":"success","data":{"resultType":"vector","result":[{"value":[1]}]}}`, "vector"},
		"no number":     {200, `{"status":"success","data":{"resultType":"scalar","result":[1,"x"]}}`, "scalar"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := prometheus(t, c.status, c.body).Query(t.Context(), "up"); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v lacks %q", err, c.want)
			}
		})
	}
	if _, err := parts.NewQuerier("", http.DefaultClient).Query(t.Context(), "up"); err == nil || !strings.Contains(err.Error(), "prometheus.url") {
		t.Errorf("without Prometheus: %v", err)
	}
}
