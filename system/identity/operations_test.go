package identity_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"tocsin/system/internal/ops"
)

func TestMetrics(t *testing.T) {
	a, b := newAttempt(t, shared.issuer, "profile"), newBrowser(t)
	if _, err := a.exchange(a.logIn(t, b, "2000000020")); err != nil {
		t.Fatal(err)
	}
	text, status, err := shared.opsBody(t.Context(), shared.zones[0].provider.Ops.Listen, "/metrics")
	if err != nil || status != http.StatusOK {
		t.Fatalf("metrics: %d %v", status, err)
	}
	for _, want := range []string{
		`identity_http_requests_total{code="200",endpoint="token",synthetic="false"}`,
		`identity_http_request_duration_seconds_count{endpoint="authorize"}`,
		`identity_logins_total{result="success",synthetic="false"}`,
		`identity_dependency_up{dependency="postgres"} 1`,
		`identity_dependency_copies{dependency="postgres"} 1`,
		`identity_dependency_copies{dependency="redis"} 1`,
		`identity_dependency_copies{dependency="etcd"} 1`,
		`identity_dependency_copies{dependency="hsm"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

func TestReadyNamesItsDependencies(t *testing.T) {
	text, status, err := shared.opsBody(t.Context(), shared.zones[1].provider.Ops.Listen, "/readyz")
	if err != nil || status != http.StatusOK {
		t.Fatalf("readyz: %d %s %v", status, text, err)
	}
	var report ops.Report
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatal(err)
	}
	for _, state := range report.Dependencies {
		if !state.Up || time.Since(state.Checked) > 10*time.Second {
			t.Errorf("%+v", state)
		}
	}
	if len(report.Dependencies) != 5 {
		t.Errorf("%d dependencies", len(report.Dependencies))
	}
}

// TestViewsAreRecent reads how old what the provider knows is.
func TestViewsAreRecent(t *testing.T) {
	text, status, err := shared.opsBody(t.Context(), shared.zones[0].provider.Ops.Listen, "/metrics")
	if err != nil || status != http.StatusOK {
		t.Fatalf("metrics: %d %v", status, err)
	}
	values := map[string]float64{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if number, err := strconv.ParseFloat(value, 64); err == nil {
			values[name] = number
		}
	}
	const day = 24 * 60 * 60
	for name, most := range map[string]float64{
		"identity_revocations_staleness_seconds":                                  10,
		"identity_revocations":                                                    1000, // from other tests
		"identity_key_ring_age_seconds":                                           60,
		`identity_signing_key_expires_seconds{alg="ES256",use="token"}`:           30 * day,
		`identity_signing_key_expires_seconds{alg="PS256",use="token"}`:           30 * day,
		`identity_signing_key_expires_seconds{alg="RS256",use="token"}`:           30 * day,
		`identity_signing_key_expires_seconds{alg="ES256",use="credential"}`:      90 * day,
		`identity_signing_key_expires_seconds{alg="ES256",use="credential-root"}`: 10 * 365 * day,
		"identity_authenticator_restarts_total":                                   100,
		"identity_status_lists_age_seconds":                                       240,
	} {
		if value, found := values[name]; !found || value < 0 || value > most {
			t.Errorf("%s is %v, found %v", name, value, found)
		}
	}
}

// TestWordsOfErrorPagesCanBeReplaced changes them while pages are served.
func TestWordsOfErrorPagesCanBeReplaced(t *testing.T) {
	z, b := shared.zones[0], newBrowser(t)
	file := string(z.provider.Texts)
	shows := func(words string) error {
		if page := b.get(z.gateway + "/authorize"); page.status != http.StatusBadRequest || !strings.Contains(page.body, words) {
			return fmt.Errorf("%d without %q: %s", page.status, words, page.body)
		}
		return nil
	}
	if err := shows("National Identity"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("site.name: Republic of Utopia\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := await(t.Context(), 5*time.Second, func() error { return shows("Republic of Utopia") }); err != nil {
		t.Error(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := await(t.Context(), 5*time.Second, func() error { return shows("National Identity") }); err != nil {
		t.Error(err)
	}
}

// TestListenersKnowTheirCallers: a certificate of the CA is not enough.
func TestListenersKnowTheirCallers(t *testing.T) {
	for _, test := range []struct {
		name, address, path, caller string
		want                        int
	}{
		{"the gateway reaches the endpoints", shared.zones[0].provider.Public.Listen, "/jwks.json", "gateway", http.StatusOK},
		{"another component does not", shared.zones[0].provider.Public.Listen, "/jwks.json", "redis", http.StatusForbidden},
		{"the pages reach the login steps", shared.zones[0].provider.Internal.Listen, "/ping", "ui", http.StatusNoContent},
		{"the gateway does not", shared.zones[0].provider.Internal.Listen, "/ping", "gateway", http.StatusForbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			files, err := shared.rig.CA.Issue(test.caller)
			if err != nil {
				t.Fatal(err)
			}
			config, err := files.Client()
			if err != nil {
				t.Fatal(err)
			}
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
			response, err := client.Get("https://" + test.address + test.path)
			if err != nil {
				t.Fatal(err)
			}
			if err := response.Body.Close(); err != nil {
				t.Error(err)
			}
			if response.StatusCode != test.want {
				t.Errorf("got %d, want %d", response.StatusCode, test.want)
			}
		})
	}
	config, err := shared.roots()
	if err != nil {
		t.Fatal(err)
	}
	anonymous := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	if response, err := anonymous.Get("https://" + shared.zones[0].provider.Internal.Listen + "/ping"); err == nil {
		t.Errorf("without a certificate: %d", response.StatusCode)
	}
}
