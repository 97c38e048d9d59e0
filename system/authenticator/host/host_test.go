package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tocsin/system/authenticator"
	"tocsin/system/authenticator/host"
	"tocsin/system/authenticator/plugin"
)

// TestMain is the plug-in when the host starts this binary again, and the
// provider when a test wants one that it can kill.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "plugin":
			os.Exit(runPlugin(os.Args[2], os.Args[len(os.Args)-1]))
		case "future":
			os.Exit(runFuture(os.Args[len(os.Args)-1]))
		case "provider":
			os.Exit(runProvider(os.Args[2]))
		}
	}
	goleak.VerifyTestMain(m)
}

// person is a plug-in whose one person tells about the process it lives in.
type person struct{}

func (person) Authenticate(ctx context.Context, attempt authenticator.Attempt) (string, error) {
	switch attempt.Challenge {
	case "right":
		return "pid " + strconv.Itoa(os.Getpid()), nil
	case "hang":
		<-ctx.Done()
		return "", ctx.Err()
	case "crash":
		os.Exit(3)
	case "broken":
		return "", errors.New("the register is away")
	case "endless":
		return strings.Repeat("x", 300), nil
	case "unsupported":
		return "", authenticator.ErrUnsupported
	}
	return "", authenticator.ErrMismatch
}

func (person) SendOTP(context.Context, string, string) (*authenticator.Delivery, error) {
	return &authenticator.Delivery{MaskedEmail: "a***@***"}, nil
}

func (person) Claims(_ context.Context, reference string, _ []string) (map[string]any, error) {
	if reference == "nobody" {
		return nil, authenticator.ErrUnknown
	}
	if reference == "large" {
		return map[string]any{"portrait": strings.Repeat("A", 2<<20)}, nil
	}
	var core syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &core); err != nil {
		return nil, err
	}
	folder, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(folder)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"environment": len(os.Environ()), "core": core.Max, "folder": folder, "mode": info.Mode().Perm().String(),
	}, nil
}

func runPlugin(name, socket string) int {
	ctx, stop := plugin.WhileOpen(context.Background(), os.Stdin)
	defer stop()
	info := plugin.Info{Name: name, Factors: []authenticator.Factor{authenticator.PIN}}
	if err := plugin.Serve(ctx, socket, info, person{}, slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// runFuture speaks a protocol that nobody knows yet.
func runFuture(socket string) int {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return 1
	}
	err = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"protocol":2,"name":"test-id"}`)
	}))
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func config(t testing.TB) host.Config {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := host.Digest(path)
	if err != nil {
		t.Fatal(err)
	}
	return host.Config{Command: []string{path, "plugin", "test-id"}, Digest: digest, Name: "test-id", HealthInterval: 50 * time.Millisecond}
}

func start(t testing.TB, config host.Config) *host.Host {
	t.Helper()
	running, err := host.Start(t.Context(), config, quiet())
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() {
		if err := running.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return running
}

func attempt(challenge string) authenticator.Attempt {
	return authenticator.Attempt{Transaction: "t", IndividualID: "1", Factor: authenticator.PIN, Challenge: challenge}
}

// pid returns the process that answers.
func pid(t testing.TB, h *host.Host) int {
	t.Helper()
	reference, err := h.Authenticate(context.Background(), attempt("right"))
	if err != nil {
		t.Fatalf("authenticate: %v", err)
	}
	number, err := strconv.Atoi(strings.TrimPrefix(reference, "pid "))
	if err != nil {
		t.Fatalf("reference %q: %v", reference, err)
	}
	return number
}

func TestAnswers(t *testing.T) {
	h := start(t, config(t))
	verdicts := []error{authenticator.ErrMismatch, authenticator.ErrUnknown, authenticator.ErrUnsupported}
	for _, test := range []struct {
		name string
		call func(ctx context.Context) error
		want error // nil means that no verdict may come out
	}{
		{"a wrong PIN is a mismatch", func(ctx context.Context) error {
			_, err := h.Authenticate(ctx, attempt("wrong"))
			return err
		}, authenticator.ErrMismatch},
		{"a factor that is not supported is said to be", func(ctx context.Context) error {
			_, err := h.Authenticate(ctx, attempt("unsupported"))
			return err
		}, authenticator.ErrUnsupported},
		{"a person who is gone is unknown", func(ctx context.Context) error {
			_, err := h.Claims(ctx, "nobody", nil)
			return err
		}, authenticator.ErrUnknown},
		{"an id longer than any is a mismatch", func(ctx context.Context) error {
			_, err := h.Authenticate(ctx, authenticator.Attempt{IndividualID: strings.Repeat("1", 20<<10)})
			return err
		}, authenticator.ErrMismatch},
		{"a broken register is no verdict", func(ctx context.Context) error {
			_, err := h.Authenticate(ctx, attempt("broken"))
			return err
		}, nil},
		{"an answer beyond all bounds is no verdict", func(ctx context.Context) error {
			_, err := h.Claims(ctx, "large", nil)
			return err
		}, nil},
		{"a reference beyond all bounds is no verdict", func(ctx context.Context) error {
			_, err := h.Authenticate(ctx, attempt("endless"))
			return err
		}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.call(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			for _, verdict := range verdicts {
				if got, want := errors.Is(err, verdict), test.want != nil && errors.Is(test.want, verdict); got != want {
					t.Errorf("%v is %v: %t, want %t", err, verdict, got, want)
				}
			}
		})
	}
	if delivery, err := h.SendOTP(t.Context(), "t", "1"); err != nil || delivery.MaskedEmail != "a***@***" {
		t.Errorf("delivery %v, %v", delivery, err)
	}
	if got := h.Factors(); len(got) != 1 || got[0] != authenticator.PIN {
		t.Errorf("factors %v", got)
	}
	if h.Restarts() != 0 {
		t.Errorf("%d restarts", h.Restarts())
	}
}

func TestPlugInHasNothingOfTheProvider(t *testing.T) {
	t.Setenv("DATABASE_PASSWORD", "secret")
	claims, err := start(t, config(t)).Claims(t.Context(), "anybody", nil)
	if err != nil {
		t.Fatal(err)
	}
	if claims["environment"] != 0.0 || claims["core"] != 0.0 || claims["mode"] != "-rwx------" {
		t.Errorf("plug-in sees %v", claims)
	}
}

func TestHangingPlugInIsAnErrorInTime(t *testing.T) {
	settings := config(t)
	settings.CallTimeout = 200 * time.Millisecond
	h := start(t, settings)
	started := time.Now()
	_, err := h.Authenticate(t.Context(), attempt("hang"))
	if err == nil || errors.Is(err, authenticator.ErrMismatch) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hanging call gave %v", err)
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("hanging call took %s", took)
	}
	pid(t, h) // others are answered
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name, want string
		change     func(*host.Config)
	}{
		{"another digest is not started", "it is not started", func(c *host.Config) { c.Digest = strings.Repeat("0", 64) }},
		{"a digest that is none is refused", "not a SHA-256", func(c *host.Config) { c.Digest = "abc" }},
		{"another version of the protocol is refused", "speaks protocol 2", func(c *host.Config) { c.Command[1] = "future" }},
		{"another name is refused", `"test-id"`, func(c *host.Config) { c.Command[2] = "other" }},
		{"a file that is not there is refused", "no such file", func(c *host.Config) { c.Command[0] += "-gone" }},
		{"a program that is no plug-in is refused", "ended", func(c *host.Config) { c.Command = append(c.Command[:1], "-test.run=^$") }},
		{"a command has to be given", "command is missing", func(c *host.Config) { c.Command = nil }},
		{"a name has to be given", "name is missing", func(c *host.Config) { c.Name = "" }},
		{"a folder too deep for a socket is refused", "ended", func(c *host.Config) {
			c.Folder = t.TempDir() + "/" + strings.Repeat("d", 100)
			if err := os.MkdirAll(c.Folder, 0o700); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			settings := config(t)
			test.change(&settings)
			h, err := host.Start(t.Context(), settings, quiet())
			if err == nil {
				h.Close()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q does not say %q", err, test.want)
			}
		})
	}
}
