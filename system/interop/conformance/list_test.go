package conformance

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write CONFORMANCE.md")

func TestEveryModuleHasACheckOrAReason(t *testing.T) {
	if err := complete(Plans()); err != nil {
		t.Error(err)
	}
}

func TestTheListNoticesWhatIsMissing(t *testing.T) {
	for name, spoil := range map[string]func([]Plan){
		"a module left out":              func(plans []Plan) { plans[0].Modules = plans[0].Modules[1:] },
		"a module without check":         func(plans []Plan) { plans[0].Modules[0].Check = nil },
		"a check with a reason not to":   func(plans []Plan) { plans[0].Modules[0].Reason = "none" },
		"a module of no plan":            func(plans []Plan) { plans[0].Modules[0].Name = "oidcc-new" },
		"a plan in the place of another": func(plans []Plan) { plans[0], plans[1] = plans[1], plans[0] },
	} {
		t.Run(name, func(t *testing.T) {
			plans := Plans()
			spoil(plans)
			if complete(plans) == nil {
				t.Error("nothing was noticed")
			}
		})
	}
}

func TestTheListIsWrittenDown(t *testing.T) {
	const file = "../CONFORMANCE.md"
	want := document(Plans())
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if difference := cmp.Diff(want, string(written)); difference != "" {
		t.Errorf("run this test with -update: %s", difference)
	}
}
