package conformance

import (
	"bufio"
	_ "embed" // for the list of modules
	"errors"
	"fmt"
	"slices"
	"strings"
)

// suite names every module of the plans, as the conformance suite does; lines
// that begin with # name a plan.
//
//go:embed modules.txt
var suite string

// complete fails unless the plans have every module of the suite, in its order,
// each with either a check or a reason.
func complete(plans []Plan) error {
	listed := map[string][]string{}
	var order []string
	for lines := bufio.NewScanner(strings.NewReader(suite)); lines.Scan(); {
		name, isPlan := strings.CutPrefix(lines.Text(), "# ")
		if isPlan {
			order = append(order, name)
			continue
		}
		plan := order[len(order)-1]
		listed[plan] = append(listed[plan], name)
	}
	var problems []error
	for i, plan := range plans {
		if i >= len(order) || order[i] != plan.Name {
			problems = append(problems, fmt.Errorf("plan %s is not plan %d of the suite", plan.Name, i+1))
		}
		have := map[string]bool{}
		for _, module := range plan.Modules {
			if have[module.Name] {
				problems = append(problems, fmt.Errorf("%s is there twice", module.Name))
			}
			have[module.Name] = true
			if (module.Check == nil) == (module.Reason == "") {
				problems = append(problems, fmt.Errorf("%s needs either a check or a reason", module.Name))
			}
			if !slices.Contains(listed[plan.Name], module.Name) {
				problems = append(problems, fmt.Errorf("%s is no module of %s", module.Name, plan.Name))
			}
		}
		for _, name := range listed[plan.Name] {
			if !have[name] {
				problems = append(problems, fmt.Errorf("%s of %s is missing", name, plan.Name))
			}
		}
	}
	return errors.Join(problems...)
}

// document is CONFORMANCE.md.
func document(plans []Plan) string {
	var text strings.Builder
	text.WriteString("# Conformance checks\n\n" +
		"The modules of the OpenID conformance suite (release v5.2.3) for the plans that apply to this provider, and what\n" +
		"covers each. The checks are in `conformance/`, under the module's name; they use public endpoints only.\n" +
		"`go test ./system/interop/conformance -update` writes this file.\n")
	for _, plan := range plans {
		checked := 0
		for _, module := range plan.Modules {
			if module.Check != nil {
				checked++
			}
		}
		fmt.Fprintf(&text, "\n## %s\n\n%d of %d modules are checked.\n\n| module | covered by |\n|---|---|\n", plan.Name, checked, len(plan.Modules))
		for _, module := range plan.Modules {
			fmt.Fprintf(&text, "| `%s` | %s |\n", module.Name, coverage(module))
		}
	}
	return text.String()
}

func coverage(module Module) string {
	switch {
	case module.Check == nil:
		return "does not apply: " + module.Reason
	case module.waits:
		return "its check; waits half a minute or more"
	default:
		return "its check"
	}
}
