package page

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rsc.io/qr"
)

func TestAssets(t *testing.T) {
	set := newSet(t, "")
	version := set.assets["style.css"].version
	for name, test := range map[string]struct {
		path, match string
		status      int
		cache       string
	}{
		"its version is kept for good":         {"/ui/assets/style.css?v=" + version, "", 200, "public, max-age=31536000, immutable"},
		"another version is not kept":          {"/ui/assets/style.css?v=0123", "", 200, "no-cache"},
		"without a version it is asked again":  {"/ui/assets/style.css", "", 200, "no-cache"},
		"what the browser has is not sent":     {"/ui/assets/style.css", `"` + version + `"`, 304, "no-cache"},
		"what the browser has may be outdated": {"/ui/assets/style.css", `"0123"`, 200, "no-cache"},
		"what is not there has an error page":  {"/ui/assets/nothing.css", "", 404, "no-store"},
		"a folder is not there":                {"/ui/assets/", "", 404, "no-store"},
		"a path inside is not there":           {"/ui/assets/x/style.css", "", 404, "no-store"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, test.path, nil)
			r.Header.Set("If-None-Match", test.match)
			w := httptest.NewRecorder()
			set.Assets().ServeHTTP(w, r)
			header := w.Header()
			if w.Code != test.status || header.Get("Cache-Control") != test.cache {
				t.Errorf("answered %d, %q", w.Code, header.Get("Cache-Control"))
			}
			if header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(header.Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("headers %v", header)
			}
			if test.status == 304 && w.Body.Len() > 0 {
				t.Error("a body for what the browser has")
			}
		})
	}
}

func TestQRCodeIsDrawnAsItIs(t *testing.T) {
	const text = "https://id.example/ui/wallet?code=ABCD-EFGH"
	drawn, err := NewQR(text)
	if err != nil {
		t.Fatal(err)
	}
	want, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	dark := map[[2]int]bool{}
	for run := range strings.SplitSeq(strings.TrimSuffix(drawn.Path, "z"), "z") {
		x, y, length := readRun(t, run)
		for i := range length {
			dark[[2]int{x + i, y}] = true
		}
	}
	for y := range drawn.Size {
		for x := range drawn.Size {
			if dark[[2]int{x, y}] != want.Black(x-quiet, y-quiet) {
				t.Fatalf("module %d,%d is wrong", x, y)
			}
		}
	}
	if _, err := NewQR(strings.Repeat("x", maxQR+1)); err == nil {
		t.Error("a text without bounds was drawn")
	}
}

func readRun(t *testing.T, run string) (x, y, length int) {
	t.Helper()
	var back int
	if _, err := fmt.Sscanf(run, "M%d %dh%dv1h-%d", &x, &y, &length, &back); err != nil || back != length {
		t.Fatalf("run %q: %v", run, err)
	}
	return x, y, length
}
