package conformance

import (
	"context"
	"slices"
	"testing"
	"time"
)

// Plan is one test plan of the suite.
type Plan struct {
	Name    string
	Modules []Module
}

// Module is one module of a plan.
type Module struct {
	Name string
	// Check fails unless the provider does what the module asks; nil where
	// Reason says why the module does not apply.
	Check  func(context.Context, *party) error
	Reason string
	// client is who runs the module.
	client func(*Target) Client
	// profiled modules push their requests and prove possession of a key.
	profiled bool
	// refuses marks checks that hold only if the provider refuses something,
	// so they must fail with one that never does.
	refuses bool
	// waits marks modules that wait half a minute or more.
	waits bool
}

// limit is how long a module may take.
const limit = 2 * time.Minute

// Plans returns every plan with its modules, in the order of the suite.
func Plans() []Plan {
	return []Plan{
		{Name: "oidcc-basic-certification-test-plan", Modules: basicModules()},
		{Name: "oidcc-config-certification-test-plan", Modules: configModules()},
		{Name: "fapi2-security-profile-final-test-plan", Modules: profileModules()},
		{Name: "oid4vci-1_0-issuer-test-plan", Modules: credentialModules()},
	}
}

// Run runs the checks of plans, all if none are named, against target.
func Run(t *testing.T, target *Target, plans ...string) {
	for _, plan := range Plans() {
		if len(plans) > 0 && !slices.Contains(plans, plan.Name) {
			continue
		}
		t.Run(plan.Name, func(t *testing.T) {
			for _, module := range plan.Modules {
				t.Run(module.Name, func(t *testing.T) { run(t, target, module) })
			}
		})
	}
}

func run(t *testing.T, target *Target, module Module) {
	switch reason := target.Excused[module.Name]; {
	case module.Check == nil:
		t.Skip("does not apply: " + module.Reason)
	case reason != "":
		t.Skip("excused: " + reason)
	case module.waits && target.Brief:
		t.Skip("waits for half a minute or more")
	case module.waits:
		t.Parallel()
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := module.perform(ctx, target); err != nil {
		t.Error(err)
	}
}

// perform runs the module with a fresh person and browser.
func (m Module) perform(ctx context.Context, target *Target) error {
	p, err := arrive(ctx, target, m.client(target))
	if err != nil {
		return err
	}
	defer p.close()
	if m.profiled {
		if p, err = p.profiled(); err != nil {
			return err
		}
	}
	return m.Check(ctx, p)
}

// pause waits, or fails if ctx ends before.
func (p *party) pause(ctx context.Context, length time.Duration) error {
	if p.target.hurried {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(length):
		return nil
	}
}
