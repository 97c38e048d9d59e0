package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/internal/journal"
	"tocsin/internal/verdict"
	"tocsin/scenarios/optest"
)

// processEnv makes the binary of these tests be tocsin itself.
const processEnv = "TOCSIN_TEST_PROCESS"

func TestMain(m *testing.M) {
	if os.Getenv(processEnv) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// places is a target, and processes that watch it from several places.
type places struct {
	t        *testing.T
	folder   string
	provider *optest.Provider
	address  string
	routes   map[string]*detour
}

func newPlaces(t *testing.T) *places {
	w := &places{t: t, folder: t.TempDir(), provider: optest.New(t), routes: make(map[string]*detour)}
	// Programs do not go through a proxy to reach the machine itself, so the
	// provider is known by another name, which its certificate has as well.
	target := w.provider.Listener.Addr().String()
	_, port, err := net.SplitHostPort(target)
	if err != nil {
		t.Fatal(err)
	}
	w.provider.URL = "https://example.com:" + port
	w.down(false)
	for _, name := range []string{"a", "b", "c"} {
		w.routes[name] = newDetour(t, target)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.folder, "plan.yaml"), []byte(placesPlan), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// enrol makes the keys by the commands an operator uses.
func (w *places) enrol(names ...string) {
	w.t.Helper()
	state := filepath.Join(w.folder, "a")
	w.command("checkpoint", "init", "--name", "127.0.0.1", "--state", state)
	for _, name := range names {
		w.command("checkpoint", "enrol", name, "--url", "https://"+w.address, "--output", filepath.Join(w.folder, name+".yaml"), "--state", state)
	}
}

func (w *places) command(arguments ...string) {
	w.t.Helper()
	if code, _, problems := runCommand(w.t, arguments...); code != verdict.ExitPass {
		w.t.Fatalf("%v: exit %d: %s", arguments, code, problems)
	}
}

func (w *places) serve() *process {
	return w.start("a", "serve", "--checkpoint", "a", "--checkpoints", w.address, "--listen", "127.0.0.1:0")
}

func (w *places) checkpoint(name string) *process {
	return w.start(name, "checkpoint", "--enrolment", filepath.Join(w.folder, name+".yaml"), "--name", name)
}

// process is a tocsin that runs.
type process struct {
	t       *testing.T
	command *exec.Cmd
	output  lockedBuffer
	killed  bool
}

// lockedBuffer keeps what a process says.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(data)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func (w *places) start(name string, arguments ...string) *process {
	w.t.Helper()
	arguments = append(arguments, "--target", scenarioTarget(w.t, w.provider, ""), "--plan", filepath.Join(w.folder, "plan.yaml"), "--state", filepath.Join(w.folder, name))
	p := &process{t: w.t, command: exec.Command(os.Args[0], arguments...)}
	p.command.Env = append(os.Environ(), processEnv+"=1", "HTTPS_PROXY="+w.routes[name].url, "NO_PROXY=127.0.0.1")
	p.command.Stdout, p.command.Stderr = &p.output, &p.output
	if err := p.command.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("%s said:\n%s", name, p.output.String())
		}
		p.end()
	})
	return p
}

// kill ends the process as a loss of power would.
func (p *process) kill() {
	p.t.Helper()
	p.killed = true
	if err := p.command.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := p.command.Wait(); !errors.As(err, &exit) {
		p.t.Fatalf("the process had ended: %v", err)
	}
}

// end asks the process to end, which it does with exit code 0.
func (p *process) end() {
	if p.killed {
		return
	}
	if err := p.command.Process.Signal(os.Interrupt); err != nil {
		p.t.Errorf("the process had ended: %v\n%s", err, p.output.String())
	}
	if err := p.command.Wait(); err != nil {
		p.t.Errorf("the process ended with %v\n%s", err, p.output.String())
	}
}

// await looks until something is so.
func (w *places) await(what string, so func() bool) {
	w.t.Helper()
	deadline := time.After(40 * time.Second)
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for !so() {
		select {
		case <-deadline:
			w.t.Fatalf("waited in vain for %s", what)
		case <-look.C:
		}
	}
}

// awaitRoutes waits until each of these places has gone to the target count
// more times, and so has written down one result less.
func (w *places) awaitRoutes(count int64, names ...string) {
	w.t.Helper()
	for _, name := range names {
		from := w.routes[name].taken.Load()
		w.await(fmt.Sprintf("%s to probe %d times", name, count), func() bool { return w.routes[name].taken.Load() > from+count })
	}
}

func (w *places) events(kind string) []journal.Event {
	path := filepath.Join(w.folder, "a", "journal.db")
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	return readJournal(w.t, path, journal.Query{Kind: kind})
}

func readJournal(t *testing.T, path string, query journal.Query) []journal.Event {
	t.Helper()
	opened, err := journal.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	events, err := opened.Read(t.Context(), query)
	if err := errors.Join(err, opened.Close()); err != nil {
		t.Fatal(err)
	}
	return events
}

// down is whether nobody at the target can answer.
func (w *places) down(down bool) {
	w.provider.Break(func(out http.ResponseWriter, r *http.Request) bool {
		if down {
			http.Error(out, "down", http.StatusServiceUnavailable)
			return true
		}
		if r.URL.Path != "/.well-known/openid-configuration" {
			return false
		}
		url := w.provider.URL
		out.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(out, `{"issuer": %q, "authorization_endpoint": %q, "token_endpoint": %q, "jwks_uri": %q}`, url, url+"/authorize", url+"/token", url+"/jwks")
		return true
	})
}

// detour is a place's way to the target: a proxy that can be cut.
type detour struct {
	url    string
	target string
	taken  atomic.Int64
	broken atomic.Bool
}

func newDetour(t *testing.T, target string) *detour {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &detour{url: "http://" + listener.Addr().String(), target: target}
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			accepted, err := listener.Accept()
			if err != nil {
				return
			}
			r.taken.Add(1)
			connections.Go(func() { r.carry(accepted) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		connections.Wait()
	})
	return r
}

func (r *detour) cut(cut bool) { r.broken.Store(cut) }

// carry answers CONNECT and copies both ways, until either end closes.
func (r *detour) carry(client net.Conn) {
	defer client.Close()
	reader := bufio.NewReader(client)
	request, err := http.ReadRequest(reader)
	if err != nil || r.broken.Load() || request.Method != http.MethodConnect {
		return
	}
	server, err := net.DialTimeout("tcp", r.target, 5*time.Second)
	if err != nil {
		return
	}
	defer server.Close()
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connected\r\n\r\n"); err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := io.Copy(server, reader)
		if err == nil {
			err = server.(*net.TCPConn).CloseWrite()
		}
		if err != nil && !strings.Contains(err.Error(), "closed") {
			server.Close()
		}
	}()
	// Either direction ends when its reader has nothing more to say.
	if _, err := io.Copy(client, server); err != nil {
		client.Close()
	}
	client.Close()
	<-done
}
