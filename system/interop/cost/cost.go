// Package cost measures what a login costs in CPU time, of any provider and
// by component, with one driver for all: so that two can be compared in one run.
package cost

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tocsin/system/interop/browser"
)

// Subject is a provider to measure.
type Subject struct {
	Name   string
	Issuer string
	// Trust verifies the issuer's certificate; nil on plain HTTP.
	Trust *tls.Config
	// The client authenticates by private_key_jwt and may use
	// authorization_code and client_credentials.
	ClientID     string
	Key          *ecdsa.PrivateKey
	KeyID        string
	RedirectURI  string
	Scope        string // of a login
	ServiceScope string // of client_credentials
	// Person returns somebody who has not logged in before.
	Person func() browser.Person
	// Components are the processes that serve it. CPU is told for each.
	Components []Component
}

// Component is one part of a provider.
type Component struct {
	Name string
	// PIDs are the processes that it began with. Their children count to them,
	// but for those that another component began with.
	PIDs []int
	// Apart marks what does not belong to the provider itself, such as a
	// database: it is listed but not part of the sum.
	Apart bool
}

// Load is what to do, and how much of it.
type Load struct {
	Name     string
	Warmup   int // done first and not measured
	Count    int
	Parallel int
	Once     func(context.Context, *Driver) error
}

// Result is what a load cost.
type Result struct {
	Subject, Load string
	Count         int
	Wall          time.Duration
	CPU           []Spent // in the order of the subject's components
}

// Spent is the CPU time of one component.
type Spent struct {
	Component Component
	CPU       time.Duration
	// Idle is what it takes in one second in which nothing is asked of it.
	Idle time.Duration
}

// Each is the CPU time for one of the load's actions.
func (s Spent) Each(count int) time.Duration { return s.CPU / time.Duration(max(count, 1)) }

// Own is the CPU time of one action in the provider's own processes.
func (r *Result) Own() time.Duration {
	var sum time.Duration
	for _, spent := range r.CPU {
		if !spent.Component.Apart {
			sum += spent.Each(r.Count)
		}
	}
	return sum
}

// idle is how long a subject is left alone to see what it takes by itself.
const idle = 2 * time.Second

// Measure puts load on subject. It fails if any action fails: a provider that
// refuses is cheap.
func Measure(ctx context.Context, subject *Subject, load Load) (*Result, error) {
	driver, err := newDriver(ctx, subject)
	if err != nil {
		return nil, err
	}
	defer driver.close()
	if err := drive(ctx, driver, load, load.Warmup); err != nil {
		return nil, fmt.Errorf("%s, warming up: %w", subject.Name, err)
	}
	resting, err := readings(subject)
	if err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(idle):
	}
	before, err := readings(subject)
	if err != nil {
		return nil, err
	}
	started := time.Now()
	if err := drive(ctx, driver, load, load.Count); err != nil {
		return nil, fmt.Errorf("%s: %w", subject.Name, err)
	}
	result := &Result{Subject: subject.Name, Load: load.Name, Count: load.Count, Wall: time.Since(started)}
	after, err := readings(subject)
	if err != nil {
		return nil, err
	}
	for i, component := range subject.Components {
		result.CPU = append(result.CPU, Spent{
			Component: component, CPU: after[i] - before[i],
			Idle: (before[i] - resting[i]) * time.Second / idle,
		})
	}
	return result, nil
}

func drive(ctx context.Context, driver *Driver, load Load, count int) error {
	group, ctx := errgroup.WithContext(ctx)
	var begun atomic.Int64
	for range max(load.Parallel, 1) {
		group.Go(func() error {
			for begun.Add(1) <= int64(count) {
				if err := load.Once(ctx, driver); err != nil {
					return fmt.Errorf("%s: %w", load.Name, err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// readings returns the CPU time of each component until now.
func readings(subject *Subject) ([]time.Duration, error) {
	children, err := family()
	if err != nil {
		return nil, err
	}
	roots := map[int]bool{}
	for _, component := range subject.Components {
		for _, pid := range component.PIDs {
			roots[pid] = true
		}
	}
	var all []time.Duration
	for _, component := range subject.Components {
		if len(component.PIDs) == 0 {
			return nil, fmt.Errorf("component %s of %s has no process", component.Name, subject.Name)
		}
		var sum time.Duration
		for _, pid := range component.PIDs {
			spent, err := children.spent(pid, roots)
			if errors.Is(err, os.ErrNotExist) {
				continue // it ended: its time is its parent's now
			}
			if err != nil {
				return nil, fmt.Errorf("component %s of %s: %w", component.Name, subject.Name, err)
			}
			sum += spent
		}
		all = append(all, sum)
	}
	return all, nil
}

var errNoCode = errors.New("no code")

// Driver is the client, and every browser, of one subject. Connections are
// kept and shared, as those of a gateway in front are: handshakes are no part
// of what is measured.
type Driver struct {
	subject   *Subject
	transport *http.Transport
	endpoints endpoints
}

func (d *Driver) close() { d.transport.CloseIdleConnections() }
