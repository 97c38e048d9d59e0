package region

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"text/template"

	"tocsin/system/lab/topology"
)

//go:embed target.yaml.tmpl
var targetTemplate embed.FS

// TargetFile is the name of the file, in the state folder, that tells the
// harness where everything is.
const TargetFile = "target.yaml"

// writeTarget writes the target file, with paths as they are outside.
func (r *Region) writeTarget() error {
	parsed, err := template.New("target.yaml.tmpl").Option("missingkey=error").ParseFS(targetTemplate, "target.yaml.tmpl")
	if err != nil {
		return fmt.Errorf("parse target template: %w", err)
	}
	inside := r.site.Dir(topology.Pod{Component: topology.Alertmanager}) + "/tls"
	var out bytes.Buffer
	err = parsed.Execute(&out, map[string]any{
		"Order": r.order, "Zones": topology.Zones(), "Relay": topology.Relay(), "Inside": inside,
		"ClientID": clientID, "Probe": ProbeAccount, "FirstLoad": firstLoad, "LoadAccounts": loadAccounts,
	})
	if err != nil {
		return fmt.Errorf("render target: %w", err)
	}
	if err := os.WriteFile(rootInside+"/"+TargetFile, out.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write target: %w", err)
	}
	return nil
}
