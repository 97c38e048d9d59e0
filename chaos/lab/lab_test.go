package lab_test

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/chaos"
	"tocsin/chaos/lab"
)

var zone = chaos.Fault{Kind: chaos.Kill, Zone: "a"}

const inForce = `{"id":"f1","kind":"kill","zone":"a","component":"","state":"in-force","targets":["a/etcd","a/redis"],
"injected":"2026-03-04T03:00:00.5Z","expires":"2026-03-04T03:00:30Z","ended_by":""}`

// socket serves handler as the lab serves its control socket.
func socket(t *testing.T, handler http.HandlerFunc) *lab.Injector {
	t.Helper()
	path := filepath.Join(t.TempDir(), "control.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	if err := server.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return lab.New(path)
}

func answering(t *testing.T, status int, body string) *lab.Injector {
	return socket(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		if _, err := w.Write([]byte(body)); err != nil {
			t.Error(err)
		}
	})
}

func TestInjectAsksWithALeaseInTheHoldersName(t *testing.T) {
	injector := socket(t, func(w http.ResponseWriter, r *http.Request) {
		var got map[string]string
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		if r.Method+" "+r.URL.Path != "POST /v1/faults" || got["kind"] != "kill" || got["zone"] != "a" || got["lease"] != "30s" || got["holder"] != "run-1" {
			t.Errorf("%s %s %v", r.Method, r.URL.Path, got)
		}
		w.WriteHeader(http.StatusCreated)
		if _, err := w.Write([]byte(inForce)); err != nil {
			t.Error(err)
		}
	})
	injection, err := injector.Inject(t.Context(), zone, 30*time.Second, "run-1")
	if err != nil {
		t.Fatal(err)
	}
	if injection.ID != "f1" || injection.State != chaos.InForce || len(injection.Targets) != 2 || injection.Took <= 0 || injection.Injected.IsZero() {
		t.Errorf("injection %+v", injection)
	}
}

func TestAnInjectionWithoutEffectIsAnError(t *testing.T) {
	for name, body := range map[string]string{
		"no targets":         `{"id":"f1","state":"in-force","targets":[]}`,
		"not in force":       `{"id":"f1","state":"reverted","targets":["a/etcd"]}`,
		"no id":              `{"state":"in-force","targets":["a/etcd"]}`,
		"not even an object": `[]`,
	} {
		t.Run(name, func(t *testing.T) {
			if injection, err := answering(t, http.StatusCreated, body).Inject(t.Context(), zone, time.Second, "x"); err == nil {
				t.Errorf("accepted %+v", injection)
			}
		})
	}
}

func TestRefusalsOfTheLabAreTold(t *testing.T) {
	cases := []struct {
		status int
		body   string
		want   error
		text   string
	}{
		{http.StatusConflict, `{"error":"zone a is held by run-2"}`, chaos.ErrHeld, "held by run-2"},
		{http.StatusNotFound, `{"error":"no fault f1"}`, chaos.ErrNoFault, "no fault f1"},
		{http.StatusBadRequest, `{"error":"no zone q"}`, nil, "no zone q"},
		{http.StatusInternalServerError, `oops`, nil, "status 500"},
	}
	for _, c := range cases {
		_, err := answering(t, c.status, c.body).Inject(t.Context(), zone, time.Second, "x")
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("status %d: error %v", c.status, err)
		}
	}
}

func TestRevertIsFinishedOnlyWhenObserved(t *testing.T) {
	if _, err := answering(t, http.StatusOK, inForce).Revert(t.Context(), "f1"); err == nil {
		t.Error("a fault that is still in force was taken for reverted")
	}
	done := strings.Replace(inForce, "in-force", "reverted", 1)
	reverted, err := answering(t, http.StatusOK, strings.Replace(done, `"ended_by":""`, `"ended_by":"lease"`, 1)).Revert(t.Context(), "f1")
	if err != nil || reverted.EndedBy != chaos.EndedByLease {
		t.Errorf("%+v, %v", reverted, err)
	}
}

func TestRenewingAFaultThatEndedIsAnError(t *testing.T) {
	if err := answering(t, http.StatusOK, inForce).Renew(t.Context(), "f1", time.Second); err != nil {
		t.Error(err)
	}
	if err := answering(t, http.StatusOK, strings.Replace(inForce, "in-force", "reverted", 1)).Renew(t.Context(), "f1", time.Second); err == nil {
		t.Error("renewed a fault that was reverted")
	}
}

func TestALabThatIsNotUpIsNamed(t *testing.T) {
	_, err := lab.New(filepath.Join(t.TempDir(), "none.sock")).Status(t.Context(), "f1")
	if err == nil || !strings.Contains(err.Error(), "lab status") {
		t.Errorf("error %v", err)
	}
}
