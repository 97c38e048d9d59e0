package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/doctor"
)

// unreachable writes a target file whose issuer nobody listens at, and returns
// the flags that name it.
func unreachable(t *testing.T) []string {
	t.Helper()
	folder := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"pin": "545411", "client.jwk": "{}", "target.yaml": fmt.Sprintf(`
version: 1
name: nowhere
issuer: https://%s
client: {id: tocsin, key_file: client.jwk, redirect_uri: https://client.invalid/cb}
accounts: {probe: {individual_id: "1", secret_file: pin}}
zones: [{name: a, url: https://%s}]
`, address, address)} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"--target", filepath.Join(folder, "target.yaml"), "--state", filepath.Join(folder, "state")}
}

func runCommand(t *testing.T, arguments ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = execute(t.Context(), arguments, &out, &problems)
	return code, out.String(), problems.String()
}

func TestAProbeOfATargetThatIsAwayFailsWithStepAndReason(t *testing.T) {
	flags := unreachable(t)
	code, out, problems := runCommand(t, append([]string{"probe", "run", "login"}, flags...)...)
	if code != verdict.ExitFail || !strings.Contains(out, "FAIL at discovery (refused): nothing listens at 127.0.0.1:") || problems != "" {
		t.Errorf("exit %d\n%s%s", code, out, problems)
	}
	code, out, _ = runCommand(t, append([]string{"probe", "run", "zone-a", "--json"}, flags...)...)
	var result probes.Result
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatal(err)
	}
	if code != verdict.ExitFail || result.Verdict != verdict.Fail || result.FailedStep != "discovery" || result.Reason != verdict.Refused || result.Attempts != 1 {
		t.Errorf("exit %d, %+v", code, result)
	}
}

func TestWhatAPersonCanMendEndsWithCode2(t *testing.T) {
	flags := unreachable(t)
	broken := filepath.Join(t.TempDir(), "target.yaml")
	if err := os.WriteFile(broken, []byte("version: 1\nisuer: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		arguments []string
		want      string
	}{
		"a probe that does not exist":      {append([]string{"probe", "run", "logn"}, flags...), `did you mean "login"?`},
		"a command that does not exist":    {[]string{"prob"}, "unknown command"},
		"a flag that does not exist":       {[]string{"probe", "list", "--jsn"}, "unknown flag"},
		"no target file":                   {[]string{"probe", "list", "--target", "/nonexistent"}, "no target file at /nonexistent"},
		"an unknown key in the target":     {[]string{"probe", "list", "--target", broken}, broken + `:2:1: key "isuer": unknown key; did you mean "issuer"?`},
		"an interval that would be a load": {append([]string{"serve", "--interval", "1ms"}, flags...), "shorter than a second"},
		"a port that does not exist":       {append([]string{"serve", "--listen", "127.0.0.1:99999"}, flags...), "listen at"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			code, _, problems := runCommand(t, tc.arguments...)
			if code != verdict.ExitUsage || !strings.Contains(problems, tc.want) || strings.Contains(problems, "goroutine") {
				t.Errorf("exit %d: %s", code, problems)
			}
		})
	}
}

func TestTheDoctorSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	flags := unreachable(t)
	if err := os.Chmod(filepath.Join(filepath.Dir(flags[1]), "client.jwk"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, _ := runCommand(t, append([]string{"doctor", "--json"}, flags...)...)
	var report doctor.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	found := map[string]doctor.Finding{}
	for _, finding := range report.Findings {
		found[finding.Check] = finding
	}
	for check, want := range map[string]doctor.Finding{
		"journal":      {Verdict: verdict.Pass},
		"target file":  {Verdict: verdict.Pass},
		"client key":   {Verdict: verdict.Unknown, Do: "chmod 600"},
		"probe secret": {Verdict: verdict.Pass},
		"issuer":       {Verdict: verdict.Fail, Do: "check the address"},
		"certificate":  {Verdict: verdict.Unknown, Do: "see the check of the issuer"},
	} {
		if got := found[check]; got.Verdict != want.Verdict || !strings.Contains(got.Do, want.Do) {
			t.Errorf("%s: %+v", check, got)
		}
	}
	if code != verdict.ExitFail {
		t.Errorf("exit %d", code)
	}
}

// lines hands on what a command writes to its error output.
type lines struct{ to chan<- string }

func (l lines) Write(text []byte) (int, error) {
	l.to <- string(text)
	return len(text), nil
}

func TestServeShowsWhatItFindsAndEndsInOrder(t *testing.T) {
	flags := unreachable(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	said, ended := make(chan string, 100), make(chan int, 1)
	go func() {
		ended <- execute(ctx, append([]string{"serve", "--listen", "127.0.0.1:0", "--interval", "1s"}, flags...), io.Discard, lines{said})
	}()
	base := ""
	select {
	case line := <-said:
		_, after, _ := strings.Cut(line, "console=")
		base, _, _ = strings.Cut(after, " ")
	case code := <-ended:
		t.Fatalf("serve ended with %d", code)
	}
	eventually(t, func() bool {
		return strings.Contains(fetch(t, base+"metrics"), `tocsin_probe_runs_total{probe="login",verdict="fail"} 1`)
	})
	eventually(t, func() bool { return strings.Contains(fetch(t, base), "People cannot log in") })
	if probe := fetch(t, base+"probe?module=discovery&target=nowhere"); !strings.Contains(probe, `probe_success{probe="discovery"} 0`) {
		t.Errorf("/probe answered %s", probe)
	}
	if runbook := fetch(t, base+"runbooks/ZoneDown"); !strings.Contains(runbook, "# ZoneDown") {
		t.Errorf("the runbook is %q", runbook)
	}
	if code, _, problems := runCommand(t, append([]string{"serve", "--listen", strings.TrimSuffix(strings.TrimPrefix(base, "http://"), "/")}, flags...)...); code != verdict.ExitUsage || !strings.Contains(problems, "is taken") {
		t.Errorf("a second serve: exit %d: %s", code, problems)
	}
	cancel()
	select {
	case code := <-ended:
		if code != verdict.ExitPass {
			t.Errorf("Ctrl-C ends with %d", code)
		}
	case <-time.After(15 * time.Second):
		t.Fatal("serve does not end")
	}
}

func fetch(t *testing.T, address string) string {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// eventually asks again until the answer is yes.
func eventually(t *testing.T, ask func() bool) {
	t.Helper()
	deadline := time.NewTimer(15 * time.Second)
	defer deadline.Stop()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for !ask() {
		select {
		case <-deadline.C:
			t.Fatal("it did not happen within 15 s")
		case <-again.C:
		}
	}
}
