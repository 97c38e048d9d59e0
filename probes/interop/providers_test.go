//go:build interop

package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const redirectURI = "https://client.invalid/callback"

// subject is a provider that was not written here, and how tocsin is enrolled.
type subject struct {
	front *front
	// client, secret, username and password are what a person knows of it.
	client, secret, username, password string
	// passes are the journeys that it has, without those of conformance.
	passes []string
	// findings are what conformance finds.
	findings []string
	// breaks are those that make sense for it.
	breaks []breakage
	// skewed starts one more process of it, whose clock is wrong, until the test
	// ends. It returns where that listens.
	skewed func(t *testing.T, skew time.Duration) string
}

// program is where make has put a program.
func program(t *testing.T, name, target string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is missing: run make %s", path, target)
	}
	return path
}

// startNPM starts the npm oidc-provider behind a front with TLS.
func startNPM(t *testing.T) *subject {
	s := &subject{
		front: newFront(t, true), client: "tocsin", secret: "a secret that is long enough for oidc-provider", username: "probe", password: "any",
		passes: []string{
			"login", "login-cached", "login-par", "login-dpop", "refresh", "userinfo", "introspection", "revocation", "logout", "clock", "jwks", "discovery",
		},
		breaks: append(common(), behindTLS()...),
	}
	s.skewed = func(t *testing.T, skew time.Duration) string { return npm(t, s, skew) }
	s.front.upstream(npm(t, s, 0))
	return s
}

func npm(t *testing.T, s *subject, skew time.Duration) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join("npm", "node_modules")); err != nil {
		t.Fatal("the packages of probes/interop/npm are missing: run make test-interop, or npm ci there")
	}
	config, err := json.Marshal(map[string]any{
		"issuer": s.front.address, "skew": skew.Seconds(),
		"client": map[string]any{
			"client_id": s.client, "client_secret": s.secret, "redirect_uris": []string{redirectURI},
			"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "provider.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("node", filepath.Join("npm", "provider.mjs"), file)
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	says := &bytes.Buffer{}
	command.Stderr = says
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatalf("start node (Node.js 20 or later is needed): %v", err)
	}
	t.Cleanup(func() {
		if err := errors.Join(input.Close(), command.Wait()); err != nil {
			t.Errorf("end oidc-provider: %v: %s", err, says)
		}
	})
	var ready struct{ Address string }
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil {
		t.Fatalf("oidc-provider did not start: %v: %s", err, says)
	}
	return ready.Address
}

// startZitadel starts the example server of zitadel/oidc. It knows its own
// address only, so the front stands on the way by connect_to.
func startZitadel(t *testing.T) *subject {
	s := &subject{
		front: newFront(t, false), client: "web", secret: "secret", username: "test-user@localhost", password: "verysecure",
		passes: []string{
			"login", "login-cached", "refresh", "userinfo", "introspection", "revocation", "logout", "clock", "jwks", "discovery",
		},
		findings: []string{"token-no-store", "userinfo-without-token", "userinfo-wrong-token", "pkce-plain"},
		breaks:   append(common(), inTheClear()...),
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program(t, "zitadel-op", "bin/zitadel-op"))
	command.Env = append(os.Environ(), fmt.Sprintf("PORT=%d", port), "REDIRECT_URI="+redirectURI)
	says := &bytes.Buffer{}
	command.Stdout, command.Stderr = says, says
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// It serves until it is killed, and then Wait says so.
		if err := errors.Join(command.Process.Kill(), ignoreExit(command.Wait())); err != nil {
			t.Errorf("end the example server: %v: %s", err, says)
		}
	})
	s.front.address = fmt.Sprintf("http://localhost:%d/", port)
	s.front.upstream(fmt.Sprintf("localhost:%d", port))
	await(t, s.front.address+".well-known/openid-configuration")
	return s
}

func ignoreExit(err error) error {
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return nil
	}
	return err
}

// await waits until a provider answers.
func await(t *testing.T, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s does not answer", address)
		case <-tick.C:
		}
	}
}
