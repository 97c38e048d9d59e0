package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
)

// announcing serves a discovery document that names issuer, or itself.
func announcing(t *testing.T, issuer string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/openid-configuration" {
			http.NotFound(w, r)
			return
		}
		self := "http://" + r.Host
		if issuer == "" {
			issuer = self + "/"
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":"%[2]s/authorize","token_endpoint":"%[2]s/token","jwks_uri":"%[2]s/jwks","userinfo_endpoint":"%[2]s/userinfo","scopes_supported":["openid","profile"]}`, issuer, self)
	}))
	t.Cleanup(server.Close)
	return server
}

func initialise(t *testing.T, arguments ...string) (exit int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	exit = execute(t.Context(), append([]string{"init", "--client-id", "tocsin", "--redirect-uri", "https://client.invalid/callback", "--username", "probe"}, arguments...), &out, &errs)
	return exit, out.String(), errs.String()
}

func TestInitWritesATargetFileByAskingDiscovery(t *testing.T) {
	server, path := announcing(t, ""), filepath.Join(t.TempDir(), "target.yaml")
	given := []string{"--issuer", server.URL, "--client-secret", "s3cret", "--password", "pa55", "--output", path}
	exit, out, errs := initialise(t, given...)
	if exit != verdict.ExitPass || !strings.Contains(out, "in the clear") || !strings.Contains(out, "probe run login") {
		t.Fatalf("exit %d: %s%s", exit, out, errs)
	}
	if strings.Contains(out+errs, "s3cret") || strings.Contains(out+errs, "pa55") {
		t.Errorf("a secret was printed: %s%s", out, errs)
	}
	loaded, err := target.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.StatedIssuer != server.URL+"/" || loaded.Client.Auth != target.AuthClientSecretBasic || len(loaded.Features) != 1 || loaded.Features[0] != target.FeatureUserinfo {
		t.Errorf("issuer %s, auth %s, features %v", loaded.StatedIssuer, loaded.Client.Auth, loaded.Features)
	}
	if exit, _, errs := initialise(t, given...); exit != verdict.ExitUsage || !strings.Contains(errs, "--force") {
		t.Errorf("once more: exit %d: %s", exit, errs)
	}
	exit, out, errs = initialise(t, append(given, "--force", "--json")...)
	var said struct {
		Auth     string   `json:"auth"`
		Files    []string `json:"files"`
		Warnings []string `json:"warnings"`
	}
	if err := json.Unmarshal([]byte(out), &said); exit != verdict.ExitPass || err != nil || len(said.Files) != 3 || len(said.Warnings) == 0 || said.Auth != target.AuthClientSecretBasic {
		t.Errorf("by force, as JSON: exit %d, %v: %s%s", exit, err, out, errs)
	}
}

func TestInitTakesSecretsFromFiles(t *testing.T) {
	server, folder := announcing(t, ""), t.TempDir()
	for name, text := range map[string]string{"secret": "of the client\n", "password": "of the person\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(folder, "t.yaml")
	exit, out, errs := initialise(t, "--issuer", server.URL, "--client-secret-file", filepath.Join(folder, "secret"),
		"--password-file", filepath.Join(folder, "password"), "--output", path)
	if exit != verdict.ExitPass {
		t.Fatalf("exit %d: %s%s", exit, out, errs)
	}
	loaded, err := target.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := target.ReadSecret(loaded.Client.SecretFile); err != nil || got != "of the client" {
		t.Errorf("the secret is %q, %v", got, err)
	}
}

func TestInitWritesNothingThatItCouldNotFindOut(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, tc := range map[string]struct {
		arguments []string
		exit      int
		says      string
	}{
		"nobody there":             {[]string{"--issuer", gone.URL, "--client-secret", "s", "--password", "p"}, verdict.ExitFail, "refused"},
		"another issuer":           {[]string{"--issuer", announcing(t, "https://evil.example").URL, "--client-secret", "s", "--password", "p"}, verdict.ExitFail, "evil.example"},
		"an issuer in the clear":   {[]string{"--issuer", "http://id.example.org", "--client-secret", "s", "--password", "p"}, verdict.ExitUsage, "not https"},
		"no way to authenticate":   {[]string{"--issuer", announcing(t, "").URL, "--password", "p"}, verdict.ExitUsage, "--client-secret"},
		"no password":              {[]string{"--issuer", announcing(t, "").URL, "--client-secret", "s"}, verdict.ExitUsage, "password"},
		"a secret file that is no": {[]string{"--issuer", announcing(t, "").URL, "--client-secret-file", "/nonexistent", "--password", "p"}, verdict.ExitUsage, "/nonexistent"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "target.yaml")
			exit, out, errs := initialise(t, append(tc.arguments, "--output", path)...)
			if exit != tc.exit || !strings.Contains(errs, tc.says) {
				t.Errorf("exit %d, want %d: %s%s", exit, tc.exit, out, errs)
			}
			if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) > 0 {
				t.Errorf("there are %d files: %v", len(files), err)
			}
		})
	}
}
