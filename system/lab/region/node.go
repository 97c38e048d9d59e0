package region

import (
	"context"
	"sync"
	"time"

	"tocsin/system/lab/parts"
	"tocsin/system/lab/pod"
)

// How often pods are asked, and how long they may take.
const (
	askWhileStarting = 250 * time.Millisecond
	askWhenReady     = 2 * time.Second
	askWithin        = time.Second
	// missesUntilRestart is how many liveness questions in a row may go
	// unanswered before the pod is killed and started again.
	missesUntilRestart = 5
)

// node is one pod with what is known of its health.
type node struct {
	part       parts.Part
	supervisor *pod.Supervisor

	mu        sync.Mutex
	health    parts.Health
	ready     chan struct{} // closed when the pod was ready for the first time
	everReady bool
	misses    int
}

func newNode(part parts.Part) *node {
	return &node{part: part, health: parts.Health{Reason: "not started"}, ready: make(chan struct{})}
}

func (n *node) lastHealth() parts.Health {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.health
}

// learn takes in what a check found.
func (n *node) learn(health parts.Health) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.health = health
	if health.Ready && !n.everReady {
		n.everReady = true
		close(n.ready)
	}
}

// missed counts a liveness question: it reports whether the pod has to be
// restarted. An answer, or an excuse, starts the count again.
func (n *node) missed(alive bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if alive {
		n.misses = 0
		return false
	}
	n.misses++
	if n.misses < missesUntilRestart {
		return false
	}
	n.misses = 0
	return true
}

// watch asks the pod for its health until ctx ends.
func (r *Region) watch(ctx context.Context, n *node) {
	for {
		health := r.ask(ctx, n)
		n.learn(health)
		wait := askWhenReady
		if !health.Ready {
			wait = askWhileStarting
			if n.supervisor.Status().Held {
				wait = askWhenReady
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (r *Region) ask(ctx context.Context, n *node) parts.Health {
	status := n.supervisor.Status()
	if !status.Running {
		return parts.Health{Reason: "not running"}
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	return r.checker.Check(ctx, n.part.Pod)
}

// keepAlive restarts a pod whose process runs but answers nothing. A pod that is
// broken on purpose is left alone: the fault is to last.
func (r *Region) keepAlive(ctx context.Context, n *node) {
	tick := time.NewTicker(askWhenReady)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_, faulty := r.book.On(n.part.Pod)
		excused := faulty || !n.supervisor.Status().Running
		alive := excused
		if !excused {
			within, cancel := context.WithTimeout(ctx, askWithin)
			alive = r.checker.Alive(within, n.part.Pod) == nil
			cancel()
		}
		if n.missed(alive) {
			r.log.Warn("pod does not answer; restarting it", "pod", n.part.Pod.String())
			n.supervisor.Kill()
		}
	}
}
