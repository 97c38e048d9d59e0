//go:build interop

package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tocsin/internal/verdict"
	"tocsin/probes"
)

// targetFile is one that tocsin init has written, with a state of its own.
type targetFile struct {
	tocsin, path, state string
}

// tocsin runs the program as a person does.
func (f *targetFile) command(t *testing.T, arguments ...string) (stdout string, exit int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), f.tocsin, arguments...)
	command.Env = append(os.Environ(), "TOCSIN_STATE="+f.state, "TOCSIN_TARGET=", "TOCSIN_PLAN=")
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	err := command.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatalf("run tocsin: %v", err)
	}
	if exit = command.ProcessState.ExitCode(); exit == verdict.ExitUsage {
		t.Fatalf("tocsin %s: %s", strings.Join(arguments, " "), errs.String())
	}
	return out.String(), exit
}

// run runs one probe.
func (f *targetFile) run(t *testing.T, probe string) (result probes.Result, exit int) {
	t.Helper()
	out, exit := f.command(t, "--target", f.path, "--json", "probe", "run", probe)
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatalf("tocsin probe run %s printed %q: %v", probe, out, err)
	}
	return result, exit
}

// enrol writes a target file by tocsin init, and lets everything go through the
// front.
func (s *subject) enrol(t *testing.T) *targetFile {
	t.Helper()
	folder := t.TempDir()
	f := &targetFile{tocsin: program(t, "tocsin", "build"), path: filepath.Join(folder, "target.yaml"), state: filepath.Join(folder, "state")}
	arguments := []string{
		"init", "--issuer", s.front.address, "--client-id", s.client, "--client-secret", s.secret, "--redirect-uri", redirectURI,
		"--username", s.username, "--password", s.password, "--output", f.path,
	}
	if s.front.authority != "" {
		arguments = append(arguments, "--ca-file", s.front.authority)
	}
	if out, exit := f.command(t, arguments...); exit != 0 {
		t.Fatalf("tocsin init: exit %d: %s", exit, out)
	}
	if s.front.authority == "" {
		f.connectTo(t, s, s.front.server.Listener.Addr().String())
	}
	return f
}

// edit replaces the first old text of the target file.
func (f *targetFile) edit(t *testing.T, old, replacement string) {
	t.Helper()
	text, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("the target file has no %q: %s", old, text)
	}
	if err := os.WriteFile(f.path, []byte(strings.Replace(string(text), old, replacement, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// connectTo sends everything that is for the issuer to another address.
func (f *targetFile) connectTo(t *testing.T, s *subject, address string) {
	t.Helper()
	issuer, err := url.Parse(s.front.address)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	kept := slices.DeleteFunc(strings.SplitAfter(string(text), "\n"), func(line string) bool { return strings.HasPrefix(line, "connect_to:") })
	added := fmt.Sprintf("connect_to: {%q: %q}\n", issuer.Host, address)
	if err := os.WriteFile(f.path, []byte(strings.Join(kept, "")+added), 0o600); err != nil {
		t.Fatal(err)
	}
}

// secret replaces one of the files that tocsin init has written beside the
// target file.
func (f *targetFile) secret(t *testing.T, suffix, text string) {
	t.Helper()
	if err := os.WriteFile(strings.TrimSuffix(f.path, ".yaml")+suffix, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNPMProvider(t *testing.T)     { meet(t, startNPM(t)) }
func TestZitadelProvider(t *testing.T) { meet(t, startZitadel(t)) }

// meet does with a provider what its owner would, and then breaks it.
func meet(t *testing.T, s *subject) {
	enrolled := s.enrol(t)
	t.Run("every journey passes", func(t *testing.T) {
		for _, probe := range s.passes {
			if result, exit := enrolled.run(t, probe); exit != 0 || result.Verdict != verdict.Pass {
				t.Errorf("%s: exit %d, %s (%s) at %q: %s", probe, exit, result.Verdict, result.Reason, result.FailedStep, result.Detail)
			}
		}
	})
	t.Run("conformance finds what is there and nothing else", func(t *testing.T) { s.conforms(t, enrolled) })
	t.Run("a provider that refuses what it took an hour ago lies", func(t *testing.T) {
		s.front.with(t, at(token, answer(401, `{"error":"invalid_client"}`)))
		if result, exit := enrolled.run(t, "login"); exit != 1 || result.Reason != verdict.Lie || result.FailedStep != "token" {
			t.Errorf("exit %d, %s at %q: %s", exit, result.Reason, result.FailedStep, result.Detail)
		}
	})
	if len(s.breaks) < 10 {
		t.Errorf("only %d kinds of break", len(s.breaks))
	}
	for _, tc := range s.breaks {
		t.Run(tc.name, func(t *testing.T) {
			file := s.enrol(t)
			tc.arrange(t, s, file)
			// The run that an arrangement may have made is no control of this one.
			file.state = filepath.Join(t.TempDir(), "state")
			result, exit := file.run(t, "login")
			if exit != tc.reason.Verdict().ExitCode() || result.FailedStep != tc.step || result.Reason != tc.reason {
				t.Errorf("exit %d, %s (%s) at %q: %s\nwant %s at %q", exit, result.Verdict, result.Reason, result.FailedStep, result.Detail, tc.reason, tc.step)
			}
		})
	}
	t.Run("it passes again when it is whole", func(t *testing.T) {
		if result, exit := enrolled.run(t, "login"); exit != 0 {
			t.Errorf("exit %d, %s at %q: %s", exit, result.Reason, result.FailedStep, result.Detail)
		}
	})
}

// conforms runs the checks as they are, and then with the findings accepted.
func (s *subject) conforms(t *testing.T, f *targetFile) {
	if result, exit := f.run(t, "conformance-discovery"); exit != 0 {
		t.Errorf("conformance-discovery: exit %d, %s at %q: %s", exit, result.Reason, result.FailedStep, result.Detail)
	}
	result, _ := f.run(t, "conformance")
	var found []string
	for _, step := range result.Steps {
		if step.Error != "" {
			found = append(found, step.Name)
		}
	}
	if !slices.Equal(found, s.findings) {
		t.Fatalf("conformance found %v, want %v: %s", found, s.findings, result.Detail)
	}
	if len(found) == 0 {
		return
	}
	text, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	f.edit(t, "features:", "conformance: {accepted: "+string(text)+"}\nfeatures:")
	if result, exit := f.run(t, "conformance"); exit != 0 {
		t.Errorf("with all findings accepted: exit %d, %s at %q: %s", exit, result.Reason, result.FailedStep, result.Detail)
	}
}
