package mockid

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tocsin/system/authenticator"
	"tocsin/system/authenticator/host"
)

// TestMain is the plug-in when a host starts this binary again.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "mock-id" {
		if err := Main(context.Background(), os.Args[2:], os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func TestPlugInAsAProcess(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := host.Digest(path)
	if err != nil {
		t.Fatal(err)
	}
	outbox := filepath.Join(t.TempDir(), "outbox.jsonl")
	file := write(t, "c.yaml", fmt.Sprintf("version: 1\nsecret_file: %s\npersons_file: %s\noutbox_file: %s\n",
		write(t, "s", strings.Repeat("s", 32)), write(t, "p", people), outbox))
	h, err := host.Start(t.Context(), host.Config{Command: []string{path, "mock-id", "--config", string(file)}, Digest: digest, Name: Name}, silent())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := h.SendOTP(t.Context(), "login", "1001"); err != nil {
		t.Fatal(err)
	}
	attempt := authenticator.Attempt{Transaction: "login", IndividualID: "1001", Factor: authenticator.OTP, Challenge: read(t, outbox).Code}
	person, err := h.Authenticate(t.Context(), attempt)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := h.Claims(t.Context(), person, []string{"name", "portrait"})
	if err != nil || claims["name"] != "Ada Example" || claims["portrait"] == nil {
		t.Errorf("claims %v, %v", claims["name"], err)
	}
	attempt.Transaction = "another"
	if _, err := h.Authenticate(t.Context(), attempt); !errors.Is(err, authenticator.ErrMismatch) {
		t.Errorf("code of another transaction: %v", err)
	}
	if len(h.Factors()) != 3 {
		t.Errorf("factors %v", h.Factors())
	}
}

// read waits for the first line of an outbox.
func read(t *testing.T, file string) message {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.After(5 * time.Second); ; {
		text, err := os.ReadFile(file)
		if err == nil && bytes.HasSuffix(text, []byte("\n")) {
			var m message
			if err := json.Unmarshal(text, &m); err != nil {
				t.Fatal(err)
			}
			return m
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatal("no code in the outbox")
		}
	}
}

func TestMainRefuses(t *testing.T) {
	for name, args := range map[string][]string{
		"nothing":          nil,
		"no socket":        {"--config", "x"},
		"an unknown flag":  {"--socket", "s", "--config", "x", "--fast"},
		"more than flags":  {"--socket", "s", "--config", "x", "y"},
		"a file not there": {"--socket", "s", "--config", "gone"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := Main(t.Context(), args, &bytes.Buffer{}); err == nil {
				t.Error("it ran")
			}
		})
	}
}
