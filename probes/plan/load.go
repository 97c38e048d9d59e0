package plan

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"tocsin/internal/strictyaml"
	"tocsin/probes/maintenance"
)

// Load reads and checks the plan file at path. Relative paths in it start at
// its folder. All that is wrong is reported at once, each finding an
// *strictyaml.Error. Whether its journeys exist is known only together with a
// target; see New.
func Load(path string) (*Plan, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read plan file: %w", err)
	}
	var file File
	document, err := strictyaml.Parse(path, data, &file)
	if err != nil {
		return nil, err
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("resolve folder of plan file: %w", err)
	}
	check := checker{document: document, folder: folder}
	check.file(&file)
	if err := errors.Join(check.problems...); err != nil {
		return nil, err
	}
	return &Plan{path: path, file: file, document: document, sum: sha256.Sum256(data)}, nil
}

// checker collects what is wrong with the values of a plan file.
type checker struct {
	document *strictyaml.Document
	folder   string
	problems []error
}

func (c *checker) report(key, problem, hint string) {
	c.problems = append(c.problems, c.document.Problem(key, problem, hint))
}

func (c *checker) file(f *File) {
	if f.Version != version {
		c.report("version", fmt.Sprintf("version %d is not supported", f.Version), fmt.Sprintf("write version: %d", version))
	}
	c.timing("defaults", f.Defaults)
	if f.Defaults.Off {
		c.report("defaults.off", "would leave nothing to run", "take it out")
	}
	for name, timing := range f.Journeys {
		c.timing("journeys."+name, timing)
	}
	for _, problem := range maintenance.Check(f.Maintenance) {
		c.report("maintenance"+problem.Key, problem.Text, problem.Hint)
	}
	if f.Quorum != nil {
		f.Quorum.Check(strictyaml.Under("quorum", c.report))
	}
	seen := make(map[string]bool, len(f.Checks)+len(f.Heartbeats))
	for index := range f.Checks {
		key := fmt.Sprintf("checks[%d]", index)
		name := f.Checks[index].Name
		if seen[name] {
			c.report(key+".name", fmt.Sprintf("check %q is there twice", name), "")
		}
		seen[name] = true
		c.check(key, &f.Checks[index])
	}
	for index := range f.Heartbeats {
		c.heartbeat(fmt.Sprintf("heartbeats[%d]", index), &f.Heartbeats[index], seen)
	}
}

// named is what is safe as a folder, a metric label and a word of a command.
var named = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

func (c *checker) check(key string, check *Check) {
	if !named.MatchString(check.Name) {
		c.report(key+".name", fmt.Sprintf("%q is no name", check.Name), "use up to 64 of a-z, 0-9, - and _")
	}
	c.timing(key, check.Timing)
	all := check.kinds()
	set := slices.DeleteFunc(slices.Clone(all), func(k kind) bool { return !k.set })
	if len(set) != 1 {
		known := make([]string, 0, len(all))
		for _, k := range all {
			known = append(known, k.key)
		}
		c.report(key, fmt.Sprintf("has %d kinds of check, it needs one", len(set)), "choose from "+strings.Join(known, ", "))
		return
	}
	set[0].resolve(c.folder)
	set[0].check(func(inner, problem, hint string) {
		c.report(strings.TrimSuffix(key+"."+set[0].key+"."+inner, "."), problem, hint)
	})
}

func (c *checker) timing(key string, t Timing) {
	c.between(key+".interval", t.Interval, shortestInterval, longestInterval)
	c.between(key+".timeout", t.Timeout, shortestTimeout, longestTimeout)
	if c.document.Has(key+".overlap") && (t.Overlap < 1 || t.Overlap > largestOverlap) {
		c.report(key+".overlap", fmt.Sprintf("%d is not between 1 and %d", t.Overlap, largestOverlap), "")
	}
}

// between accepts a duration that is not set.
func (c *checker) between(key string, value, shortest, longest time.Duration) {
	if c.document.Has(key) && (value < shortest || value > longest) {
		c.report(key, fmt.Sprintf("%s is not between %s and %s", value, shortest, longest), "")
	}
}
