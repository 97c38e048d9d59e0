package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tocsin/system/authenticator"
	"tocsin/system/authenticator/rpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// register answers whatever err says.
type register struct{ err error }

func (r register) Authenticate(context.Context, authenticator.Attempt) (string, error) {
	return "reference", r.err
}

func (r register) SendOTP(context.Context, string, string) (*authenticator.Delivery, error) {
	return &authenticator.Delivery{MaskedPhone: "***12"}, r.err
}

func (r register) Claims(context.Context, string, []string) (map[string]any, error) {
	return map[string]any{"name": "A"}, r.err
}

func (r register) Health(context.Context) error { return r.err }

func silent() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func ask(r register, method, path, body string) (status int, answer string) {
	recorder := httptest.NewRecorder()
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	Handler(Info{Name: "n", Factors: []authenticator.Factor{authenticator.PIN}}, r, silent()).ServeHTTP(recorder, request)
	return recorder.Code, recorder.Body.String()
}

func TestHandler(t *testing.T) {
	attempt := `{"transaction":"t","individual_id":"1","factor":"PIN","challenge":"1234"}`
	for _, test := range []struct {
		name, method, path, body string
		err                      error
		status                   int
		answer                   string
	}{
		{"handshake", "GET", rpc.HandshakePath, "", nil, 200, `{"protocol":1,"name":"n","factors":["PIN"]}`},
		{"good health", "GET", rpc.HealthPath, "", nil, 204, ``},
		{"bad health", "GET", rpc.HealthPath, "", errors.New("down"), 503, `{"error":"unavailable"}`},
		{"a person", "POST", rpc.AuthenticatePath, attempt, nil, 200, `{"person":"reference"}`},
		{"a mismatch", "POST", rpc.AuthenticatePath, attempt, authenticator.ErrMismatch, 422, `{"error":"mismatch"}`},
		{"not supported", "POST", rpc.AuthenticatePath, attempt, authenticator.ErrUnsupported, 501, `{"error":"unsupported"}`},
		{"a register that is down", "POST", rpc.AuthenticatePath, attempt, errors.New("down"), 503, `{"error":"unavailable"}`},
		{"members of a newer provider", "POST", rpc.AuthenticatePath, `{"new":1}`, nil, 200, `{"person":"reference"}`},
		{"no JSON", "POST", rpc.AuthenticatePath, `{`, nil, 400, `{"error":"invalid"}`},
		{"two values", "POST", rpc.AuthenticatePath, `{}{}`, nil, 400, `{"error":"invalid"}`},
		{"another type", "POST", rpc.AuthenticatePath, `{"challenge":1234}`, nil, 400, `{"error":"invalid"}`},
		{"too much", "POST", rpc.AuthenticatePath, `{"challenge":"` + strings.Repeat("x", rpc.MaxRequest) + `"}`, nil, 400, `{"error":"invalid"}`},
		{"a code sent", "POST", rpc.OTPPath, `{"transaction":"t","individual_id":"1"}`, nil, 200, `{"masked_phone":"***12"}`},
		{"claims", "POST", rpc.ClaimsPath, `{"person":"reference","names":["name"]}`, nil, 200, `{"claims":{"name":"A"}}`},
		{"nobody", "POST", rpc.ClaimsPath, `{"person":"x"}`, authenticator.ErrUnknown, 404, `{"error":"unknown"}`},
		{"another method", "GET", rpc.ClaimsPath, ``, nil, 405, "Method Not Allowed\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, answer := ask(register{test.err}, test.method, test.path, test.body)
			if status != test.status || answer != test.answer {
				t.Errorf("got %d %q, want %d %q", status, answer, test.status, test.answer)
			}
		})
	}
}

func TestServeEndsWithItsInput(t *testing.T) {
	provider, input := io.Pipe()
	ctx, stop := WhileOpen(t.Context(), provider)
	defer stop()
	served := make(chan error, 1)
	go func() {
		served <- Serve(ctx, filepath.Join(t.TempDir(), "s"), Info{Name: "n"}, register{}, silent())
	}()
	if err := input.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it serves on")
	}
}

func FuzzHandler(f *testing.F) {
	f.Add(rpc.AuthenticatePath, `{"transaction":"t","individual_id":"1","factor":"PIN","challenge":"1234"}`)
	f.Add(rpc.OTPPath, `{"transaction":"t"}`)
	f.Add(rpc.ClaimsPath, `{"person":"p","names":["a",null]}`)
	f.Fuzz(func(t *testing.T, path, body string) {
		switch path {
		case rpc.AuthenticatePath, rpc.OTPPath, rpc.ClaimsPath:
		default:
			path = rpc.AuthenticatePath
		}
		status, answer := ask(register{}, http.MethodPost, path, body)
		if status != http.StatusOK && status != http.StatusBadRequest {
			t.Errorf("status %d", status)
		}
		if !json.Valid([]byte(answer)) {
			t.Errorf("answer %q", answer)
		}
	})
}
