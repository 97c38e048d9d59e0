package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/verdict"
	"tocsin/probes/heartbeat"
)

func TestAJobReportsAndItsHeartbeatIsAProbeLikeAnyOther(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "plan.yaml")
	for name, text := range map[string]string{
		"token": "a-token-that-nobody-guesses\n",
		"plan.yaml": `version: 1
journeys: {login: {off: true}}
heartbeats:
  - {name: batch, every: 10s, grace: 1h, token_file: token}
  - {name: quiet, every: 1h, token_file: token}
maintenance:
  - {name: weekend, probes: [quiet], from: 2026-01-01T00:00:00Z, until: 2026-01-02T00:00:00Z}
`,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	base, end := serving(t, append(unreachable(t), "--plan", path)...)
	server := strings.TrimSuffix(base, "/")
	send := func(arguments ...string) (int, string, string) {
		return runCommand(t, append([]string{"heartbeat", "send", "--plan", path, "--server", server, "--retry", "0s"}, arguments...)...)
	}
	if code, out, problems := send("batch", "--", "echo", "done", "--exit-code", "9"); code != 0 || out != "done --exit-code 9\n" || problems != "" {
		t.Errorf("exit %d: %s%s", code, out, problems)
	}
	eventually(t, func() bool { return strings.Contains(fetch(t, base+"metrics"), `probe_success{probe="batch"} 1`) })
	if code, out, problems := send("batch", "--exit-code", "4", "--message", "no disk"); code != 0 || !strings.Contains(out, "failed with exit code 4: no disk") {
		t.Errorf("exit %d: %s%s", code, out, problems)
	}
	eventually(t, func() bool { return strings.Contains(fetch(t, base+"metrics"), `probe_success{probe="batch"} 0`) })
	code, out, problems := runCommand(t, "heartbeat", "list", "--server", server, "--json")
	var all []heartbeat.Summary
	if err := json.Unmarshal([]byte(out), &all); err != nil || code != 0 {
		t.Fatalf("exit %d: %v %s", code, err, problems)
	}
	if len(all) != 2 || all[0].State != heartbeat.Failed || all[1].State != heartbeat.Waiting || all[1].Verdict != verdict.Unknown {
		t.Errorf("%+v", all)
	}
	if _, out, _ := runCommand(t, "heartbeat", "list", "--server", server); !strings.Contains(out, "it has never reported") {
		t.Error(out)
	}
	for name, tc := range map[string]struct {
		arguments []string
		code      int
		says      string
	}{
		"a name that is not there": {[]string{"batsh"}, verdict.ExitUsage, `did you mean "batch"?`},
		"no name":                  {[]string{"--", "true"}, verdict.ExitUsage, "name one heartbeat"},
		"nonsense":                 {[]string{"batch", "--exit-code", "999"}, verdict.ExitUsage, "not between"},
		"nobody there":             {[]string{"batch", "--server", "http://127.0.0.1:1"}, verdict.ExitUnknown, "--server"},
		"a job that fails":         {[]string{"batch", "--", "sh", "-c", "exit 5"}, 5, ""},
	} {
		if code, _, problems := send(tc.arguments...); code != tc.code || !strings.Contains(problems, tc.says) {
			t.Errorf("%s: exit %d: %s", name, code, problems)
		}
	}
	if code := end(); code != verdict.ExitPass {
		t.Errorf("ended with %d", code)
	}
}
