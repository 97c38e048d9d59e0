package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/verdict"
)

// serving starts the daemon and returns its address, and what ends it and says
// with which code it did.
func serving(t *testing.T, arguments ...string) (base string, end func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	said, ended := make(chan string, 1000), make(chan int, 1)
	go func() {
		ended <- execute(ctx, append([]string{"serve", "--listen", "127.0.0.1:0"}, arguments...), io.Discard, lines{said})
	}()
	for base == "" {
		select {
		case line := <-said:
			if _, after, found := strings.Cut(line, "console="); found {
				base, _, _ = strings.Cut(after, " ")
			}
		case code := <-ended:
			t.Fatalf("serve ended with %d", code)
		}
	}
	return base, func() int {
		cancel()
		select {
		case code := <-ended:
			return code
		case <-time.After(20 * time.Second):
			t.Fatal("serve does not end")
			return -1
		}
	}
}

// post sends body and returns status and answer.
func post(t *testing.T, address, body string, header ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for index := 0; index+1 < len(header); index += 2 {
		request.Header.Set(header[index], header[index+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestServeTakesOverAChangedPlanAndKeepsTheOldOneWhenItIsBad(t *testing.T) {
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/held" {
			arrived <- struct{}{}
			<-release
		}
		w.WriteHeader(http.StatusOK)
	}))
	defer server.Close()
	path := filepath.Join(t.TempDir(), "plan.yaml")
	write := func(text string) {
		t.Helper()
		const journeys = "version: 1\njourneys: {login: {off: true}, discovery: {interval: 1h}}\nchecks:\n"
		if err := os.WriteFile(path, []byte(journeys+strings.ReplaceAll(text, "SERVER", server.URL)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const (
		one  = "  - {name: one, interval: 1s, http: {url: SERVER/one}}\n"
		two  = "  - {name: two, interval: 1s, http: {url: SERVER/two}}\n"
		held = "  - {name: held, interval: %s, timeout: 1m, overlap: 10, http: {url: SERVER/held}}\n"
	)
	write(one + fmt.Sprintf(held, "2s"))
	base, end := serving(t, append(unreachable(t), "--plan", path)...)
	<-arrived
	eventually(t, func() bool {
		return strings.Contains(fetch(t, base+"metrics"), `tocsin_probe_runs_total{probe="one",verdict="pass"} 1`)
	})
	write(one + fmt.Sprintf(held, "1h") + two)
	code, answer := post(t, base+"-/reload", "")
	if code != http.StatusOK || !strings.Contains(answer, `"added":["two"],"changed":["held"]`) {
		t.Errorf("%d %s", code, answer)
	}
	close(release)
	eventually(t, func() bool {
		metrics := fetch(t, base+"metrics")
		return !strings.Contains(metrics, `tocsin_probe_runs_total{probe="held",verdict="pass"} 0`) && !strings.Contains(metrics, `tocsin_probe_runs_total{probe="two",verdict="pass"} 0`)
	})
	write(one + "  - {name: two, intervall: 1s, http: {url: SERVER/two}}\n")
	code, answer = post(t, base+"-/reload", "")
	if code != http.StatusInternalServerError || !strings.Contains(answer, path+`:5:17: key \"checks[1].intervall\": unknown key; did you mean \"interval\"?`) {
		t.Errorf("%d %s", code, answer)
	}
	metrics := fetch(t, base+"metrics")
	if !strings.Contains(metrics, "tocsin_config_last_reload_successful 0") || !strings.Contains(metrics, `tocsin_probe_runs_total{probe="two",verdict="pass"}`) {
		t.Error("the old configuration is not in force any more, or nothing is said")
	}
	if page := fetch(t, base); !strings.Contains(page, "unknown key; did you mean") {
		t.Error("the console does not say that the plan was refused")
	}
	// Now nobody asks: the change of the file is noticed.
	write(one)
	eventually(t, func() bool {
		metrics := fetch(t, base+"metrics")
		return strings.Contains(metrics, "tocsin_config_last_reload_successful 1") && !strings.Contains(metrics, `probe="two"`) && !strings.Contains(metrics, `probe="held"`)
	})
	if page := fetch(t, base); strings.Contains(page, "did you mean") || strings.Contains(page, "<h2>two") {
		t.Error("the console still shows what is over")
	}
	if code := end(); code != verdict.ExitPass {
		t.Errorf("ended with %d", code)
	}
}
