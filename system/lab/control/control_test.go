package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/system/lab/fault"
)

// stage is a lab of which only the refusals matter.
type stage struct {
	inject error
	ended  chan struct{}
}

func (s *stage) Status(context.Context) Status { return Status{Ready: true, Zones: []string{"a"}} }
func (s *stage) Inject(_ context.Context, ask FaultRequest, lease time.Duration) (Fault, error) {
	return Fault{ID: "fault-1", Kind: ask.Kind, Zone: ask.Zone, Expires: time.Unix(0, 0).Add(lease)}, s.inject
}
func (s *stage) Renew(id string, _ time.Duration) (Fault, error) {
	return Fault{}, fmt.Errorf("%w: %s", fault.ErrUnknown, id)
}
func (s *stage) Revert(_ context.Context, id string) (Fault, error) {
	return Fault{ID: id, State: "reverted"}, nil
}
func (s *stage) Fault(id string) (Fault, error) { return Fault{ID: id}, nil }
func (s *stage) Faults() []Fault                { return []Fault{{ID: "fault-1"}} }
func (s *stage) Sabotages() []Sabotage          { return nil }
func (s *stage) Sabotage(_ context.Context, name string, _ bool) error {
	return fmt.Errorf("%w: %q", ErrNoSabotage, name)
}
func (s *stage) Shutdown() { close(s.ended) }

func serve(t *testing.T, lab Lab) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), SocketName)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- NewServer(lab, slog.New(slog.DiscardHandler)).Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return socket
}

func TestClientAndServerAgree(t *testing.T) {
	lab := &stage{ended: make(chan struct{})}
	client := Dial(serve(t, lab))
	ctx := t.Context()
	if status, err := client.Status(ctx); err != nil || !status.Ready {
		t.Fatalf("status %+v, %v", status, err)
	}
	made, err := client.Inject(ctx, FaultRequest{Kind: "kill", Zone: "a", Lease: "30s", Holder: "test"})
	if err != nil || made.Zone != "a" || made.Expires.Unix() != 30 {
		t.Fatalf("injected %+v, %v", made, err)
	}
	if ended, err := client.Revert(ctx, made.ID); err != nil || ended.State != "reverted" {
		t.Fatalf("reverted %+v, %v", ended, err)
	}
	if err := client.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	<-lab.ended
}

func TestRefusalsKeepTheirMeaning(t *testing.T) {
	cases := map[string]struct {
		method, path, body string
		inject             error
		status             int
		says               string
	}{
		"not JSON":               {"POST", "/v1/faults", "{", nil, 400, "read request"},
		"an unknown key":         {"POST", "/v1/faults", `{"knd":"kill"}`, nil, 400, "knd"},
		"a lease without a unit": {"POST", "/v1/faults", `{"kind":"kill","lease":"30"}`, nil, 400, "lease"},
		"a target that is held":  {"POST", "/v1/faults", `{"kind":"kill","zone":"a","lease":"30s"}`, fault.ErrHeld, 409, "already"},
		"a fault without effect": {"POST", "/v1/faults", `{"kind":"kill","zone":"a","lease":"30s"}`, errors.New("still runs"), 500, "still runs"},
		"an unknown fault":       {"POST", "/v1/faults/fault-9/renew", `{"lease":"30s"}`, nil, 404, "fault-9"},
		"an unknown sabotage":    {"POST", "/v1/sabotages/melt", "", nil, 404, "melt"},
		"too large a request":    {"POST", "/v1/faults", `{"kind":"` + strings.Repeat("k", bodyLimit) + `"}`, nil, 400, "too large"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			client := Dial(serve(t, &stage{inject: tc.inject, ended: make(chan struct{})}))
			request, err := http.NewRequestWithContext(t.Context(), tc.method, "http://lab"+tc.path, strings.NewReader(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			response, err := client.http.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			text := make([]byte, 1024)
			n, _ := response.Body.Read(text)
			if response.StatusCode != tc.status || !strings.Contains(string(text[:n]), tc.says) {
				t.Fatalf("answered %d %s, want %d with %q", response.StatusCode, text[:n], tc.status, tc.says)
			}
		})
	}
}

func TestNobodyAnswersIsToldApart(t *testing.T) {
	_, err := Dial(filepath.Join(t.TempDir(), SocketName)).Status(t.Context())
	if !errors.Is(err, ErrNoLab) {
		t.Fatalf("got %v, want ErrNoLab", err)
	}
}
