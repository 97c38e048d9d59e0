package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/journal"
	"tocsin/internal/verdict"
	"tocsin/visual"
)

// loginPage serves an issuer whose login page is one heading, and returns the
// target file for it.
func loginPage(t *testing.T, heading *string) string {
	t.Helper()
	var server *httptest.Server
	server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		switch request.URL.Path {
		case "/.well-known/openid-configuration":
			fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":%q}`, server.URL, server.URL+"/authorize")
		case "/authorize":
			http.Redirect(w, request, "/login", http.StatusSeeOther)
		default:
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, "<!doctype html><h1>%s</h1>", *heading)
		}
	}))
	t.Cleanup(server.Close)
	folder := t.TempDir()
	for name, content := range map[string]string{
		"ca.pem":     string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
		"client.jwk": "{}", "pin": "1234",
		"target.yaml": fmt.Sprintf("version: 1\nname: test\nissuer: %s\ntls: {ca_file: ca.pem}\n"+
			"client: {id: c, key_file: client.jwk, redirect_uri: %s/callback}\n"+
			"accounts:\n  probe: {individual_id: \"1\", secret_file: pin}\n", server.URL, server.URL),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "target.yaml")
}

func TestVisualCommandsFromNothingToAChangedWord(t *testing.T) {
	heading, state := "Log in", t.TempDir()
	target := loginPage(t, &heading)
	t.Setenv("USER", "alice")
	command := func(wantCode int, wantOutput string, arguments ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		code := execute(t.Context(), append(arguments, "--target", target, "--state", state), &stdout, &stderr)
		if code != wantCode || !strings.Contains(stdout.String()+stderr.String(), wantOutput) {
			t.Fatalf("%v: exit %d with %q and %q, want %d with %q", arguments, code, stdout.String(), stderr.String(), wantCode, wantOutput)
		}
		return stdout.String()
	}
	command(verdict.ExitPass, "login__desktop__light__en-us  no approved baseline", "visual", "list")
	command(verdict.ExitUnknown, "login__desktop__light__en-us  UNKNOWN  no approved baseline", "visual", "check")
	command(verdict.ExitPass, "login__desktop__light__en-us  approved by alice", "visual", "approve", "login")
	command(verdict.ExitPass, "login__desktop__light__en-us  PASS  is the approved picture to the byte, by alice", "visual", "check")

	heading = "Log on"
	var report visualReport
	if err := json.Unmarshal([]byte(command(verdict.ExitFail, "", "visual", "check", "--json")), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Checks) != 1 || report.Verdict != verdict.Fail || report.Checks[0].Percent <= 0 {
		t.Errorf("report %+v", report)
	}
	run := report.Checks[0].RunID
	command(verdict.ExitUsage, "say with --reason what is wrong", "visual", "reject", "login", "--from", run)
	command(verdict.ExitPass, "login__desktop__light__en-us  rejected by alice: a typo", "visual", "reject", "login", "--from", run, "--reason", "a typo")
	command(verdict.ExitUsage, "did you mean \"login\"?", "visual", "check", "logim")
	command(verdict.ExitFail, "this difference was seen once before", "visual", "check")
	command(verdict.ExitUsage, "say with --reason why it looks different now", "visual", "approve", "--from", run)
	command(verdict.ExitPass, "approved by bob", "visual", "approve", "--from", run, "--as", "bob", "--reason", "as agreed")
	command(verdict.ExitPass, "approved by alice: first picture of the page", "visual", "history")
	command(verdict.ExitPass, "approved by bob: as agreed", "visual", "history", "login")
	command(verdict.ExitPass, "login__desktop__light__en-us  approved by bob on", "visual", "list")
	command(verdict.ExitUsage, `"nothing" is no run with visual checks`, "visual", "approve", "--from", "nothing")
	command(verdict.ExitUsage, `no picture and no page is called "nowhere": the pages are login`, "visual", "check", "nowhere")
	checkVisualJournal(t, state)
}

func TestTheShellIsOfferedNames(t *testing.T) {
	heading := "Log in"
	target := loginPage(t, &heading)
	for wanted, words := range map[string][]string{
		"login\nlogin__desktop__light__en-us\n:4": {"visual", "check", ""}, "visual-login\tthe page login looks as approved": {"probe", "run", ""},
	} {
		var stdout, stderr bytes.Buffer
		arguments := append([]string{"__complete", "--target", target, "--state", t.TempDir()}, words...)
		if code := execute(t.Context(), arguments, &stdout, &stderr); code != verdict.ExitPass || !strings.Contains(stdout.String(), wanted) {
			t.Errorf("%v: exit %d: %s%s", words, code, stdout.String(), stderr.String())
		}
	}
}

func checkVisualJournal(t *testing.T, state string) {
	t.Helper()
	events, err := journal.Open(t.Context(), filepath.Join(state, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	recorded, err := events.Read(t.Context(), journal.Query{})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, event := range recorded {
		kinds = append(kinds, event.Kind)
	}
	want := []string{journal.KindVisualCheck, journal.KindVisualCheck, journal.KindVisualApproved,
		journal.KindVisualCheck, journal.KindVisualCheck, journal.KindVisualRejected, journal.KindVisualCheck, journal.KindVisualApproved}
	if strings.Join(kinds, " ") != strings.Join(want, " ") {
		t.Errorf("journal holds %v, want %v", kinds, want)
	}
	var approval visual.Approval
	if err := json.Unmarshal(recorded[len(recorded)-1].Payload, &approval); err != nil || approval.ApprovedBy != "bob" {
		t.Errorf("approval %+v %v", approval, err)
	}
}

func TestVisualCheckWithoutBrowserIsUnknown(t *testing.T) {
	heading := "Log in"
	target := loginPage(t, &heading)
	t.Setenv("TOCSIN_CHROMIUM", "/nowhere/chromium")
	var stdout, stderr bytes.Buffer
	code := execute(t.Context(), []string{"visual", "check", "--target", target, "--state", t.TempDir()}, &stdout, &stderr)
	if code != verdict.ExitUnknown || !strings.Contains(stdout.String(), "no Chromium on this machine") {
		t.Errorf("exit %d: %s%s", code, stdout.String(), stderr.String())
	}
}
