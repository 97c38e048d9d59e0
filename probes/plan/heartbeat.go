package plan

import (
	"errors"
	"fmt"
	"slices"

	"tocsin/probes/heartbeat"
)

func (c *checker) heartbeat(key string, job *heartbeat.Config, seen map[string]bool) {
	job.Resolve(c.folder)
	job.Check(func(inner, problem, hint string) { c.report(key+"."+inner, problem, hint) })
	if seen[job.Name] {
		c.report(key+".name", fmt.Sprintf("%q is there twice", job.Name), "checks and heartbeats need names of their own")
	}
	seen[job.Name] = true
}

// Jobs are those that must report, as the file has them.
func (p *Plan) Jobs() []heartbeat.Config { return p.file.Heartbeats }

// Heartbeats are the jobs that must report, for who takes the reports. It fails
// when one has the name of a probe, or its token cannot be read.
func (p *Plan) Heartbeats(entries []Entry) ([]heartbeat.Config, error) {
	var problems []error
	for index, job := range p.file.Heartbeats {
		key := fmt.Sprintf("heartbeats[%d]", index)
		if slices.ContainsFunc(entries, func(e Entry) bool { return e.Probe.Name() == job.Name }) {
			problems = append(problems, p.document.Problem(key+".name", fmt.Sprintf("%q is a journey of the target", job.Name), "choose another name"))
		}
		if err := job.CheckToken(); err != nil {
			problems = append(problems, p.document.Problem(key+".token_file", err.Error(), "openssl rand -base64 24 makes a token"))
		}
	}
	return p.file.Heartbeats, errors.Join(problems...)
}
