package region

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"tocsin/system/lab/control"
	"tocsin/system/lab/fault"
	"tocsin/system/lab/parts"
	"tocsin/system/lab/pki"
	"tocsin/system/lab/pod"
	"tocsin/system/lab/topology"
)

// Region is a running lab, seen from inside.
type Region struct {
	ctx       context.Context
	stop      context.CancelFunc
	order     Order
	log       *slog.Logger
	site      parts.Site
	authority *pki.Authority
	wires     *wires
	nodes     map[topology.Pod]*node
	checker   *parts.Checker
	book      *fault.Book
	prepared  chan struct{}
	started   time.Time
	work      sync.WaitGroup

	mu        sync.Mutex
	failure   string          // why the lab cannot come up, for status
	sabotages map[string]bool // applied now
	changed   time.Time       // when a fault last came or went
}

// Run is the region from its first instruction to its last. It ends when it is
// told to, when the host's process has gone, or when it cannot come up.
func Run(order Order, log *slog.Logger) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go followHost(stop)
	r := &Region{
		ctx: ctx, stop: stop, order: order, log: log, started: time.Now(),
		nodes: map[topology.Pod]*node{}, prepared: make(chan struct{}), sabotages: map[string]bool{},
		site: parts.Site{
			Root: podsInside, Programs: programsInside, Issuer: order.Issuer,
			PostgresBin: order.PostgresBin, SoftHSM: order.SoftHSM,
		},
	}
	if err := r.build(); err != nil {
		return err
	}
	err := r.serve()
	stop()
	return err
}

// followHost ends the region when the host's end of the lifeline closes, even
// if the kernel's death signal was lost.
func followHost(stop context.CancelFunc) {
	lifeline := os.NewFile(lifelineFD, "lifeline")
	var none [1]byte
	for {
		if _, err := lifeline.Read(none[:]); err != nil {
			stop()
			return
		}
	}
}

func (r *Region) build() (err error) {
	if err := mount(r.order); err != nil {
		return err
	}
	if r.site.IdentityDigest, err = digest(programsInside + "/identity"); err != nil {
		return err
	}
	if r.wires, err = lay(); err != nil {
		return err
	}
	if r.authority, err = pki.NewAuthority(r.started); err != nil {
		return err
	}
	leaf, err := authorise(r.authority)
	if err != nil {
		return err
	}
	tls, err := r.authority.Config(leaf)
	if err != nil {
		return err
	}
	r.checker = parts.NewChecker(tls)
	r.book = fault.NewBook(actuator{r}, r.log)
	if err := r.enrol(); err != nil {
		return err
	}
	if err := r.furnish(); err != nil {
		return err
	}
	return r.writeTarget()
}

// serve starts everything and answers the control socket until the end.
func (r *Region) serve() error {
	listener, err := inherited(controlFD, "control")
	if err != nil {
		return err
	}
	if err := r.openDoors(); err != nil {
		return err
	}
	for _, n := range r.nodes {
		r.launch(n)
	}
	r.work.Go(r.rotateLogs)
	r.work.Go(func() {
		if err := r.prepareWhenPossible(); err != nil && r.ctx.Err() == nil {
			r.log.Error("prepare identity system", "error", err)
			r.fail(err)
		}
	})
	server := control.NewServer(r, r.log)
	err = server.Serve(r.ctx, listener)
	r.stop()
	r.work.Wait()
	return errors.Join(err, r.checker.Close())
}

// launch starts one pod as soon as those it waits for are ready.
func (r *Region) launch(n *node) {
	spec := pod.Spec{
		Name: n.part.Pod.String(), Path: n.part.Path, Args: n.part.Args, Env: n.part.Env, User: n.part.User,
		Namespace: r.wires.pods[n.part.Pod], Log: rootInside + "/logs/" + n.part.Pod.DirName() + ".log", Rootless: r.order.Rootless,
		Nice: n.part.Nice,
	}
	n.supervisor = pod.Supervise(spec, r.log)
	r.work.Go(func() {
		if !r.awaitOthers(n) {
			return
		}
		r.work.Go(func() { r.watch(r.ctx, n) })
		r.work.Go(func() { r.keepAlive(r.ctx, n) })
		n.supervisor.Run(r.ctx)
	})
}

// awaitOthers blocks until what the pod stands on is ready; false when the lab
// ends before.
func (r *Region) awaitOthers(n *node) bool {
	waits := make([]chan struct{}, 0, len(n.part.After)+1)
	for _, other := range n.part.After {
		waits = append(waits, r.nodes[other].ready)
	}
	if n.part.Pod.Component == topology.Identity {
		waits = append(waits, r.prepared)
	}
	for _, ready := range waits {
		select {
		case <-r.ctx.Done():
			return false
		case <-ready:
		}
	}
	return true
}

// prepareWhenPossible fills the database once all of its copies are there: with
// strict replication nothing is acknowledged before.
func (r *Region) prepareWhenPossible() error {
	for _, zone := range topology.Zones() {
		select {
		case <-r.ctx.Done():
			return r.ctx.Err()
		case <-r.nodes[topology.Pod{Zone: zone, Component: topology.Postgres}].ready:
		}
	}
	if err := r.prepare(r.ctx); err != nil {
		return err
	}
	close(r.prepared)
	return nil
}

func (r *Region) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failure = err.Error()
}

// primary finds the pod of a component that says it is the primary.
func (r *Region) primary(component topology.Component) (topology.Pod, bool) {
	for _, zone := range topology.Zones() {
		candidate := topology.Pod{Zone: zone, Component: component}
		if health := r.nodes[candidate].lastHealth(); health.Ready && health.Role == "primary" {
			return candidate, true
		}
	}
	return topology.Pod{}, false
}

// logLimit is the size at which a log is put aside, in bytes; one old log of
// each pod is kept.
const logLimit = 16 << 20

// rotateLogs keeps the pods' logs from filling the disk.
func (r *Region) rotateLogs() {
	tick := time.NewTicker(20 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-tick.C:
		}
		for known := range r.nodes {
			path := rootInside + "/logs/" + known.DirName() + ".log"
			if err := rotate(path); err != nil {
				r.log.Warn("rotate log", "error", err)
			}
		}
	}
}

// rotate copies a log aside and empties it: the pod keeps the file open, and
// appends.
func rotate(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() < logLimit {
		return nil // not there yet, or small
	}
	from, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	to, err := os.OpenFile(path+".1", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return errors.Join(fmt.Errorf("open old log: %w", err), from.Close())
	}
	_, copyErr := io.Copy(to, from)
	return errors.Join(copyErr, from.Close(), to.Close(), os.Truncate(path, 0))
}
