package region

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"tocsin/system/lab/control"
	"tocsin/system/lab/parts"
	"tocsin/system/lab/topology"
)

// sabotage is a lasting change for the worse. It is made to the system and never
// to what checks it: a check that stays green under it is worth nothing.
type sabotage struct {
	about  string
	apply  func(context.Context) error
	revert func(context.Context) error
}

func (r *Region) sabotageList() map[string]sabotage {
	return map[string]sabotage{
		"async-commit": {
			about:  "Postgres acknowledges a commit before another zone has it",
			apply:  func(ctx context.Context) error { return r.setReplication(ctx, parts.Asynchronous) },
			revert: func(ctx context.Context) error { return r.setReplication(ctx, parts.Synchronous) },
		},
		"redis-alone":   {about: "Redis has one copy: its replicas are stopped", apply: r.stopReplicas, revert: r.startReplicas},
		"alert-nowhere": {about: "Alertmanager sends every alert to nobody", apply: r.routeNowhere, revert: r.routeBack},
		"login-word":    {about: "one word of the login page is another", apply: r.changeWord, revert: r.changeWordBack},
	}
}

// Sabotages lists what can be sabotaged, and what is.
func (r *Region) Sabotages() []control.Sabotage {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []control.Sabotage
	for name, known := range r.sabotageList() {
		all = append(all, control.Sabotage{Name: name, About: known.about, Applied: r.sabotages[name]})
	}
	return all
}

// Sabotage applies or reverts one.
func (r *Region) Sabotage(ctx context.Context, name string, apply bool) error {
	known, found := r.sabotageList()[name]
	if !found {
		return fmt.Errorf("%w: %q", control.ErrNoSabotage, name)
	}
	r.mu.Lock()
	applied := r.sabotages[name]
	r.mu.Unlock()
	if applied == apply {
		return nil
	}
	act := known.revert
	if apply {
		act = known.apply
	}
	if err := act(ctx); err != nil {
		return fmt.Errorf("sabotage %s: %w", name, err)
	}
	r.log.Warn("sabotage", "name", name, "applied", apply)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sabotages[name] = apply
	return nil
}

func (r *Region) setReplication(ctx context.Context, mode parts.Replication) error {
	primary, found := r.primary(topology.Postgres)
	if !found {
		return errors.New("no Postgres primary")
	}
	return r.checker.SetReplication(ctx, primary, mode)
}

// holder names who keeps the Redis replicas down.
const holder = "sabotage"

func (r *Region) stopReplicas(ctx context.Context) error {
	primary, found := r.primary(topology.Redis)
	if !found {
		return errors.New("no Redis primary")
	}
	for _, zone := range topology.Zones() {
		replica := topology.Pod{Zone: zone, Component: topology.Redis}
		if replica != primary {
			r.nodes[replica].supervisor.Hold(holder)
		}
	}
	// Left as it was, the primary would refuse writes, as it should.
	return r.checker.AllowLonePrimary(ctx, primary, true)
}

func (r *Region) startReplicas(ctx context.Context) error {
	for _, zone := range topology.Zones() {
		if err := r.nodes[topology.Pod{Zone: zone, Component: topology.Redis}].supervisor.Release(ctx, holder); err != nil {
			return err
		}
	}
	primary, found := r.primary(topology.Redis)
	if !found {
		return errors.New("no Redis primary")
	}
	return r.checker.AllowLonePrimary(ctx, primary, false)
}

func (r *Region) routePath() string {
	return r.site.Dir(topology.Pod{Component: topology.Alertmanager}) + "/alertmanager.yml"
}

func (r *Region) routeNowhere(ctx context.Context) error {
	routes, err := os.ReadFile(r.routePath())
	if err != nil {
		return fmt.Errorf("read routes: %w", err)
	}
	if err := os.WriteFile(r.routePath()+".before", routes, 0o644); err != nil {
		return fmt.Errorf("keep routes: %w", err)
	}
	nowhere := []byte("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
	return r.writeRoutes(ctx, nowhere)
}

func (r *Region) routeBack(ctx context.Context) error {
	routes, err := os.ReadFile(r.routePath() + ".before")
	if err != nil {
		return fmt.Errorf("read kept routes: %w", err)
	}
	return r.writeRoutes(ctx, routes)
}

func (r *Region) writeRoutes(ctx context.Context, routes []byte) error {
	if err := os.WriteFile(r.routePath(), routes, 0o644); err != nil {
		return fmt.Errorf("write routes: %w", err)
	}
	return r.checker.Reload(ctx, topology.Pod{Component: topology.Alertmanager})
}

// wordFiles are where the pages of each zone look for changed words.
func (r *Region) wordFiles() []string {
	var files []string
	for _, zone := range topology.Zones() {
		for _, component := range []topology.Component{topology.UI, topology.Identity} {
			files = append(files, filepath.Join(r.site.Dir(topology.Pod{Zone: zone, Component: component}), "texts.yaml"))
		}
	}
	return files
}

func (r *Region) changeWord(context.Context) error {
	for _, file := range r.wordFiles() {
		if err := os.WriteFile(file, []byte("login.heading: Sing in\n"), 0o644); err != nil {
			return fmt.Errorf("change word: %w", err)
		}
	}
	return nil
}

func (r *Region) changeWordBack(context.Context) error {
	for _, file := range r.wordFiles() {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("change word back: %w", err)
		}
	}
	return nil
}
