package pages

import (
	"context"
	"net/url"

	"tocsin/probes/form"
	"tocsin/probes/journey"
	"tocsin/probes/login"
)

// Config of the driver.
type Config struct {
	Person login.Person
	Fields form.Fields
}

// Driver logs a person in through HTML forms.
type Driver struct{ cfg Config }

// New makes a driver.
func New(cfg Config) *Driver { return &Driver{cfg: cfg} }

// Login walks through the pages; login.Walk says by which steps.
func (d *Driver) Login(ctx context.Context, run *journey.Run, request login.Request) (*url.URL, error) {
	walk := login.Walk{Person: d.cfg.Person, Fields: d.cfg.Fields, Known: request.Known, Run: run, Hand: &hand{Run: run, fields: d.cfg.Fields, request: request}}
	return walk.Login(ctx)
}
