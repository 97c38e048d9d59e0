//go:build scale

package scale_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/internal/journal"
	"tocsin/internal/verdict"
	"tocsin/probes"
)

// What is measured, and what is promised of it.
const (
	count    = 10_000
	interval = 10 * time.Second
	window   = time.Minute

	mostDelay = 50 * time.Millisecond
	mostMiB   = 400
	leastGain = 2.0
)

// TestMain is also the system that is probed, in a process of its own.
func TestMain(m *testing.M) {
	if address := os.Getenv("SCALE_SYSTEM"); address != "" {
		if err := serveSystem(address); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveSystem answers as a small service does.
func serveSystem(address string) error {
	server := &http.Server{Addr: address, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"status":"UP","version":"1.2.3"}`)
	})}
	return server.ListenAndServe()
}

func startSystem(t *testing.T) string {
	t.Helper()
	address := freeAddress(t)
	command := exec.Command("taskset", "-c", otherCore, os.Args[0])
	command.Env = append(os.Environ(), "SCALE_SYSTEM="+address)
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return address
}

func TestTenThousandProbesOnOneCore(t *testing.T) {
	pinSelf(t)
	system := startSystem(t)
	ours := measureTocsin(t, system)
	peers := measureExporter(t, system)
	t.Logf("tocsin serve:      %s", ours)
	t.Logf("blackbox exporter: %s", peers)
	gain := ours.perCPUSecond() / peers.perCPUSecond()
	t.Logf("probes per CPU second: %.2f times those of the exporter", gain)
	if gain < leastGain {
		t.Errorf("%.2f times the probes per CPU second, less than %.0f", gain, leastGain)
	}
}

// pinSelf keeps this process off the core of the subjects.
func pinSelf(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("taskset", "-a", "-c", "-p", otherCore, strconv.Itoa(os.Getpid())).CombinedOutput(); err != nil {
		t.Fatalf("taskset: %v\n%s", err, out)
	}
}

// figures are what a subject did in the window.
type figures struct {
	probes int
	cpu    time.Duration
	mib    int
	more   string
}

func (f figures) perCPUSecond() float64 { return float64(f.probes) / f.cpu.Seconds() }

func (f figures) String() string {
	return fmt.Sprintf("%d probes in %s, %.1f s of CPU: %.0f probes per CPU second; %d MiB%s",
		f.probes, window, f.cpu.Seconds(), f.perCPUSecond(), f.mib, f.more)
}

// measureTocsin runs the daemon as people do: a target file, a plan file, its
// journal on disk, its metrics scraped.
func measureTocsin(t *testing.T, system string) figures {
	dir := t.TempDir()
	address := freeAddress(t)
	began := time.Now()
	target := writeTarget(t, dir, system)
	daemon := start(t, "tocsin", "--target", target, "--plan", writePlan(t, dir, target, system), "--state",
		filepath.Join(dir, "state"), "serve", "--listen", address)
	daemon.await(t, address)
	t.Logf("tocsin serve is up after %s", time.Since(began).Round(time.Millisecond))
	// Every probe has had its first run by then, and what was made for it.
	wait(t, interval+2*time.Second)
	from, cpu := time.Now(), daemon.cpu(t)
	// Prometheus asks for metrics once a minute unless it is told otherwise.
	wait(t, window/2)
	get(t, "http://"+address+"/metrics")
	wait(t, window-time.Since(from))
	until := time.Now()
	measured := figures{cpu: daemon.cpu(t) - cpu, mib: daemon.peak(t)}
	daemon.stop(t)
	judgeRuns(t, &measured, filepath.Join(dir, "state", "journal.db"), from, until)
	if measured.mib > mostMiB {
		t.Errorf("tocsin serve takes %d MiB, more than %d", measured.mib, mostMiB)
	}
	return measured
}

// judgeRuns reads the runs that were due in the window out of the journal.
func judgeRuns(t *testing.T, measured *figures, path string, from, until time.Time) {
	t.Helper()
	events, err := journal.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	all, err := events.Read(context.Background(), journal.Query{Kind: journal.KindProbeRun})
	if err != nil {
		t.Fatal(err)
	}
	runs, delays := map[string]int{}, []float64{}
	for _, event := range all {
		var result probes.Result
		if err := json.Unmarshal(event.Payload, &result); err != nil {
			t.Fatal(err)
		}
		if result.Intended.Before(from) || !result.Intended.Before(until) {
			continue
		}
		if result.Verdict != verdict.Pass {
			t.Fatalf("a run is %s (%s): %s", result.Verdict, result.Reason, result.Detail)
		}
		runs[result.Probe]++
		measured.probes++
		delays = append(delays, result.LatencyMS-result.MS)
	}
	expected := int(until.Sub(from) / interval)
	for index := range count {
		// The window begins and ends within an interval.
		if got := runs[probeName(index)]; got < expected || got > expected+1 {
			t.Fatalf("%s ran %d times in the window, not %d", probeName(index), got, expected)
		}
	}
	slices.Sort(delays)
	quantile := func(q float64) float64 { return delays[int(q*float64(len(delays)-1))] }
	measured.more = fmt.Sprintf("; 0 missed; starts late by %.1f ms (p50), %.1f ms (p99), %.1f ms (longest)", quantile(0.5), quantile(0.99), quantile(1))
	if late := quantile(0.99); late > float64(mostDelay.Milliseconds()) {
		t.Errorf("starts are late by %.1f ms (p99), more than %s", late, mostDelay)
	}
}

func probeName(index int) string { return fmt.Sprintf("probe-%05d", index) }

// journeysOf lists what would run without a plan.
func journeysOf(t *testing.T, target string) []string {
	t.Helper()
	out, err := exec.Command(binary(t, "tocsin"), "--target", target, "probe", "list", "--json").Output()
	if err != nil {
		t.Fatalf("tocsin probe list: %v", err)
	}
	var listed []struct{ Name string }
	if err := json.Unmarshal(out, &listed); err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(listed))
	for _, one := range listed {
		names = append(names, one.Name)
	}
	return names
}

// writePlan plans the probes, and nothing else.
func writePlan(t *testing.T, dir, target, system string) string {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "version: 1\ndefaults: {interval: %s}\njourneys:\n", interval)
	for _, journey := range journeysOf(t, target) {
		fmt.Fprintf(&text, "  %s: {off: true}\n", journey)
	}
	text.WriteString("checks:\n")
	for index := range count {
		fmt.Fprintf(&text, "  - {name: %s, http: {url: \"http://%s/%d\"}}\n", probeName(index), system, index)
	}
	return write(t, dir, "plan.yaml", text.String())
}

func writeTarget(t *testing.T, dir, system string) string {
	t.Helper()
	write(t, dir, "pin", "0")
	write(t, dir, "client.jwk", `{}`)
	return write(t, dir, "target.yaml", fmt.Sprintf(`version: 1
name: scale
issuer: http://%s
client: {id: tocsin, key_file: client.jwk, redirect_uri: "http://%s/callback"}
accounts:
  probe: {individual_id: "1", secret_file: pin}
`, system, system))
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// measureExporter asks the exporter for the same probes, as Prometheus does:
// over connections that are kept, each target once in an interval.
func measureExporter(t *testing.T, system string) figures {
	address := freeAddress(t)
	config := write(t, t.TempDir(), "blackbox.yml", "modules:\n  http_2xx:\n    prober: http\n    timeout: 5s\n    http: {preferred_ip_protocol: ip4}\n")
	exporter := start(t, "blackbox_exporter", "--config.file="+config, "--web.listen-address="+address, "--log.level=error")
	exporter.await(t, address)
	scraper := &scraper{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000, DisableCompression: true}}, exporter: address, system: system}
	defer scraper.client.CloseIdleConnections()
	scraper.scrape(t, interval) // what is made once is made by then
	cpu := exporter.cpu(t)
	succeeded := scraper.scrape(t, window)
	return figures{probes: succeeded, cpu: exporter.cpu(t) - cpu, mib: exporter.peak(t)}
}

type scraper struct {
	client           *http.Client
	exporter, system string
}

// scrape asks for targets at an even pace for a time, and returns how many
// probes succeeded.
func (s *scraper) scrape(t *testing.T, lasting time.Duration) int {
	t.Helper()
	var succeeded, failed atomic.Int64
	var asking sync.WaitGroup
	slots := make(chan struct{}, 1000)
	began := time.Now()
	total := int(lasting / (interval / count))
	for index := 0; index < total; {
		due := int(time.Since(began) / (interval / count))
		for ; index < min(due, total); index++ {
			slots <- struct{}{}
			asking.Go(func() {
				defer func() { <-slots }()
				if s.probe(index % count) {
					succeeded.Add(1)
				} else {
					failed.Add(1)
				}
			})
		}
		time.Sleep(time.Millisecond)
	}
	asking.Wait()
	if took := time.Since(began); failed.Load() > 0 || took > lasting*11/10 {
		t.Logf("the exporter took %s for %s of work, and %d probes failed", took.Round(time.Second), lasting, failed.Load())
	}
	return int(succeeded.Load())
}

func (s *scraper) probe(index int) bool {
	response, err := s.client.Get(fmt.Sprintf("http://%s/probe?module=http_2xx&target=http://%s/%d", s.exporter, s.system, index))
	if err != nil {
		return false
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return err == nil && strings.Contains(string(text), "\nprobe_success 1\n")
}

func get(t *testing.T, address string) {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
}

// wait lets time pass; it is what is measured.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
