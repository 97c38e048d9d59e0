package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"tocsin/internal/target"
	"tocsin/probes"
	"tocsin/probes/heartbeat"
	"tocsin/probes/maintenance"
	"tocsin/probes/plan"
	"tocsin/probes/quorum"
	"tocsin/probes/schedule"
	"tocsin/visual/baseline"
)

// configuration is what the files of a daemon say, checked and ready to be put
// in force.
type configuration struct {
	paths   []string
	target  *target.Target
	planned *plan.Plan
	// entries are the probes of the plan, and pages those that look at pages.
	entries []plan.Entry
	pages   []plan.Entry
	// looks are the names of the checks of pages.
	looks []string
	// baselines are where its pictures are approved.
	baselines *baseline.Store
	jobs      []heartbeat.Config
	calendar  *maintenance.Calendar
	// secrets are those that the files held when they were read.
	secrets   []string
	intervals map[string]time.Duration
}

// loadConfiguration reads all files. Also when it fails, the configuration knows
// which files it tried.
func (a *app) loadConfiguration(g *gallery, interval time.Duration) (*configuration, error) {
	c := &configuration{paths: []string{a.targetPath}}
	if a.planPath != "" {
		c.paths = append(c.paths, a.planPath)
	}
	var err error
	if c.target, err = a.loadTarget(); err != nil {
		return c, err
	}
	if a.planPath == "" && c.target.Plan != "" {
		c.paths = append(c.paths, c.target.Plan)
	}
	if a.memory == nil {
		if err := a.remember(c.target, "serve"); err != nil {
			return c, err
		}
	}
	if c.planned, err = a.loadPlan(c.target, interval); err != nil {
		return c, err
	}
	if c.entries, err = c.planned.Entries(c.target); err != nil {
		return c, usageError(err)
	}
	if err := a.loadPages(g, c); err != nil {
		return c, err
	}
	if c.jobs, err = c.planned.Heartbeats(c.all()); err != nil {
		return c, usageError(err)
	}
	if c.calendar, err = c.planned.Maintenance(c.target, c.all()); err != nil {
		return c, usageError(err)
	}
	if c.secrets, err = c.target.Secrets(); err != nil {
		// It is tried again for each bundle; until then exchanges are withheld.
		a.log.Warn("what is secret is not known", "error", err)
	}
	c.intervals = make(map[string]time.Duration, len(c.entries))
	for _, planned := range c.all() {
		if !planned.Off {
			c.intervals[planned.Probe.Name()] = planned.Interval
		}
	}
	for _, job := range c.jobs {
		c.intervals[job.Name] = job.Look()
	}
	return c, nil
}

// all are the probes of the plan and of pages.
func (c *configuration) all() []plan.Entry { return slices.Concat(c.entries, c.pages) }

// loadPages reads which pages are looked at.
func (a *app) loadPages(g *gallery, c *configuration) error {
	if path := cmp.Or(a.checksPath, c.target.Visual.ChecksFile); path != "" {
		c.paths = append(c.paths, path)
	}
	seen, err := a.viewsOf(c.target, nil)
	if err != nil {
		return err
	}
	for _, shot := range seen.shots {
		c.looks = append(c.looks, shot.Name)
	}
	c.baselines = seen.store
	c.pages, err = g.entries(seen, c.entries)
	return err
}

// files are those that a change of is to be noticed.
func (c *configuration) files() []string {
	all := slices.Clone(c.paths)
	if c.target != nil {
		all = append(all, c.target.Files()...)
	}
	if c.planned != nil {
		all = append(all, c.planned.Files()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// scheduled are the probes that run by themselves, heartbeats of book included.
func (c *configuration) scheduled(book *heartbeat.Book) []schedule.Entry {
	entries := make([]schedule.Entry, 0, len(c.entries)+len(c.pages)+len(c.jobs))
	for _, planned := range c.all() {
		if !planned.Off {
			entries = append(entries, schedule.Entry{Probe: planned.Probe, Interval: planned.Interval, Overlap: planned.Overlap, Version: planned.Version})
		}
	}
	for _, job := range c.jobs {
		entries = append(entries, schedule.Entry{
			Probe: book.Probe(c.target.Name, job), Interval: job.Look(), Version: fmt.Sprintf("%s %s", job.Every, job.Grace),
		})
	}
	return entries
}

func (c *configuration) probes(book *heartbeat.Book) []probes.Probe {
	all := probesOf(c.all())
	for _, job := range c.jobs {
		all = append(all, book.Probe(c.target.Name, job))
	}
	return all
}

// votedOn are the probes that checkpoints may have a say in: jobs report to one
// Tocsin only, and pages are looked at where their baselines are.
func (c *configuration) votedOn() []string {
	var names []string
	for _, planned := range c.entries {
		if !planned.Off {
			names = append(names, planned.Probe.Name())
		}
	}
	return names
}

// quorum is empty where nobody is asked.
func (c *configuration) quorum() quorum.Config {
	if agreed := c.planned.Quorum(); agreed != nil {
		return *agreed
	}
	return quorum.Config{}
}

// inForce is the configuration that holds now, and what was secret before.
type inForce struct {
	atomic.Pointer[configuration]
	// tried is the configuration that was read last, in force or refused.
	tried  atomic.Pointer[configuration]
	former atomic.Pointer[[]string]
}

// formerSecrets bounds how many secrets are remembered that are no longer in
// use: runs under way at a change may still have used them.
const formerSecrets = 1000

func (f *inForce) set(next *configuration) {
	if before := f.Load(); before != nil {
		former := before.secrets
		if known := f.former.Load(); known != nil {
			former = append(slices.Clone(*known), former...)
		}
		slices.Sort(former)
		former = slices.Compact(former)
		former = former[max(len(former)-formerSecrets, 0):]
		f.former.Store(&former)
	}
	f.Store(next)
	f.tried.Store(next)
}

// secrets are those in use, and those that were before a reload.
func (f *inForce) secrets() ([]string, error) {
	now, err := f.Load().target.Secrets()
	if former := f.former.Load(); former != nil {
		now = append(now, *former...)
	}
	return now, err
}

// apply reads the files and puts what they say in force in all parts, or in
// none.
func (d *daemon) apply(ctx context.Context) (schedule.Change, error) {
	before := d.now.Load()
	next, err := d.app.loadConfiguration(d.gallery, d.options.interval)
	d.now.tried.Store(next)
	if err != nil {
		return schedule.Change{}, plainError(err)
	}
	if next.target.Name != before.target.Name {
		return schedule.Change{}, fmt.Errorf("%s: key \"name\": the target is now called %q, and what is known of %q cannot be told of another: restart tocsin serve, or change the name back",
			filepath.Clean(d.app.targetPath), next.target.Name, before.target.Name)
	}
	if err := d.checkQuorum(next.quorum()); err != nil {
		return schedule.Change{}, plainError(err)
	}
	if err := d.adopt(ctx, next); err != nil {
		return schedule.Change{}, errors.Join(err, d.adopt(ctx, before))
	}
	change, err := d.monitoring.Replace(next.scheduled(d.book))
	if err != nil {
		return change, errors.Join(err, d.adopt(ctx, before))
	}
	d.now.set(next)
	d.onDemand.Replace(next.target, next.probes(d.book))
	d.page.Use(next.target.Issuer, next.intervals)
	d.gallery.latest.Keep(next.looks)
	return change, nil
}

// adopt tells those that others report to whom they listen to.
func (d *daemon) adopt(ctx context.Context, c *configuration) error {
	if err := d.gathered.watch.Use(ctx, c.quorum(), c.votedOn()); err != nil {
		return err
	}
	return d.book.Listen(ctx, c.jobs)
}

// plainError takes the exit code off an error: nobody exits for it.
func plainError(err error) error {
	var exit *exitError
	if errors.As(err, &exit) && exit.err != nil {
		return exit.err
	}
	return err
}
