package badge_test

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tocsin/dashboards/badge"
	"tocsin/internal/verdict"
)

func share(value float64) *float64 { return &value }

// handler knows three probes; the period chooses the uptime.
func handler() http.Handler {
	return badge.NewHandler(badge.Config{
		Log: slog.New(slog.DiscardHandler),
		Verdict: func(_ context.Context, probe string) (verdict.Verdict, bool, error) {
			switch probe {
			case "login":
				return verdict.Fail, true, nil
			case "retried":
				return verdict.PassAfterRetry, true, nil
			case "broken":
				return "", false, errors.New("disk")
			}
			return "", false, nil
		},
		Uptime: func(_ context.Context, _ string, back time.Duration) (badge.Uptime, error) {
			switch back {
			case 24 * time.Hour:
				return badge.Uptime{Share: share(1), Seen: 1}, nil
			case 30 * 24 * time.Hour:
				return badge.Uptime{Share: share(0.99999), Seen: 0.95}, nil
			case 60 * 24 * time.Hour:
				return badge.Uptime{Share: share(0.98), Seen: 0.345}, nil
			}
			return badge.Uptime{}, nil
		},
	})
}

func get(path string, header ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, path, nil)
	for index := 0; index+1 < len(header); index += 2 {
		request.Header.Set(header[index], header[index+1])
	}
	answer := httptest.NewRecorder()
	handler().ServeHTTP(answer, request)
	return answer
}

func TestABadgeSaysWhatIsKnownAndNoMore(t *testing.T) {
	for name, tc := range map[string]struct {
		path string
		code int
		want []string
	}{
		"the verdict":           {"/badge/login.svg", 200, []string{">login</text>", ">fail</text>", string(badge.Bad)}},
		"a retry":               {"/badge/retried.svg?metric=verdict", 200, []string{">pass after retry</text>", string(badge.Middle)}},
		"uptime is rounded off": {"/badge/login.svg?metric=uptime", 200, []string{">login 30d</text>", ">99.99 %</text>", string(badge.Good)}},
		"a clean day":           {"/badge/login.svg?metric=uptime&period=24h", 200, []string{">100 %</text>"}},
		"little is known":       {"/badge/login.svg?metric=uptime&period=60d", 200, []string{">98 % of the 34 % seen</text>", string(badge.Bad)}},
		"nothing is known":      {"/badge/login.svg?metric=uptime&period=1h", 200, []string{">no data</text>", string(badge.Nothing)}},
		"no such probe":         {"/badge/logn.svg", 404, nil},
		"no picture":            {"/badge/login", 404, nil},
		"another metric":        {"/badge/login.svg?metric=x", 400, nil},
		"no period":             {"/badge/login.svg?metric=uptime&period=1y", 400, nil},
		"too long":              {"/badge/login.svg?metric=uptime&period=9999d", 400, nil},
		"a journal that breaks": {"/badge/broken.svg", 503, nil},
	} {
		t.Run(name, func(t *testing.T) {
			answer := get(tc.path)
			if answer.Code != tc.code {
				t.Fatalf("answered %d %s", answer.Code, answer.Body)
			}
			for _, want := range tc.want {
				if !strings.Contains(answer.Body.String(), want) {
					t.Errorf("the badge lacks %q:\n%s", want, answer.Body)
				}
			}
		})
	}
}

func TestABadgeMayBeKeptForALittle(t *testing.T) {
	first := get("/badge/login.svg")
	header := first.Header()
	if header.Get("Cache-Control") != "public, max-age=30" || header.Get("Content-Type") != "image/svg+xml" || header.Get("ETag") == "" {
		t.Errorf("headers %v", header)
	}
	if again := get("/badge/login.svg", "If-None-Match", header.Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("answered %d", again.Code)
	}
}

func TestWhatABadgeSaysCannotBecomeMarkup(t *testing.T) {
	picture := badge.Badge{Label: `<script>"&'`, Value: "</text><x>", Tone: badge.Good}.SVG()
	decoder := xml.NewDecoder(strings.NewReader(string(picture)))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && (start.Name.Local == "script" || start.Name.Local == "x") {
			t.Errorf("element %s in %s", start.Name.Local, picture)
		}
	}
}
