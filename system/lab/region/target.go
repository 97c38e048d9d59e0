package region

import (
	"bytes"
	"embed"
	"fmt"
	"net/url"
	"os"
	"strings"
	"text/template"

	"tocsin/system/lab/topology"
	"tocsin/system/page"
)

//go:embed target.yaml.tmpl plan.yaml.tmpl visual.yaml.tmpl
var harnessTemplates embed.FS

// TargetFile is the name of the file, in the state folder, that tells the
// harness where everything is.
const TargetFile = "target.yaml"

// PlanFile is the name of the file beside it with checks of what the lab shows
// to the outside. The target file does not name it: who wants them says so.
const PlanFile = "plan.yaml"

// ChecksFile is the name of the file beside it that says how its pages are looked at.
const ChecksFile = "visual.yaml"

// writeTarget writes the files for the harness, with paths as they are outside.
func (r *Region) writeTarget() error {
	inside := r.site.Dir(topology.Pod{Component: topology.Alertmanager}) + "/tls"
	values := map[string]any{
		"Order": r.order, "Zones": topology.Zones(), "Relay": topology.Relay(), "Inside": inside,
		"ClientID": clientID, "Probe": ProbeAccount, "FirstLoad": firstLoad, "LoadAccounts": loadAccounts,
		"Errors": errorPages(),
	}
	for _, name := range []string{PlanFile, ChecksFile, TargetFile} {
		if err := render(name, values); err != nil {
			return err
		}
	}
	return nil
}

// dashed is a kind as the name of a check may be.
func dashed(kind page.Kind) string { return strings.ReplaceAll(string(kind), "_", "-") }

// errorPages are the kinds of error page with their statuses.
func errorPages() map[page.Kind]int {
	all := map[page.Kind]int{}
	for _, kind := range page.Kinds() {
		all[kind] = kind.Status()
	}
	return all
}

// render writes one file of the harness from its template.
func render(name string, values map[string]any) error {
	source := name + ".tmpl"
	parsed, err := template.New(source).Option("missingkey=error").Funcs(template.FuncMap{"hostport": hostport, "port": port, "dashed": dashed}).ParseFS(harnessTemplates, source)
	if err != nil {
		return fmt.Errorf("parse template of %s: %w", name, err)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, values); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	if err := os.WriteFile(rootInside+"/"+name, out.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// hostport is the place of an address of the lab, such as localhost:8443.
func hostport(address string) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	return parsed.Host, nil
}

func port(address string) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	return parsed.Port(), nil
}
