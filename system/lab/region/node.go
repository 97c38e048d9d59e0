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
	// freshFor is how old an answer may be that is shown as the lab's state.
	freshFor = 500 * time.Millisecond
	// missesUntilRestart is how many liveness questions in a row may go
	// unanswered before the pod is killed and started again.
	missesUntilRestart = 5
	// startWithin is how long a pod may take before it answers for the first
	// time. On a busy machine that is long, and whoever is restarted meanwhile
	// begins again.
	startWithin = time.Minute
)

// node is one pod with what is known of its health.
type node struct {
	part       parts.Part
	supervisor *pod.Supervisor

	mu        sync.Mutex
	health    parts.Health
	asked     time.Time     // when the question was put that health answers
	ready     chan struct{} // closed when the pod was ready for the first time
	everReady bool
	misses    int
	answered  time.Time // when the pod last said that it lives
}

func newNode(part parts.Part) *node {
	return &node{part: part, health: parts.Health{Reason: "not started"}, ready: make(chan struct{})}
}

func (n *node) lastHealth() parts.Health {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.health
}

// learn takes in what a check found that began at asked. An answer that was
// overtaken by a later question is old news.
func (n *node) learn(health parts.Health, asked time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if asked.Before(n.asked) {
		return
	}
	n.health, n.asked = health, asked
	if health.Ready && !n.everReady {
		n.everReady = true
		close(n.ready)
	}
}

// knownSince is when the question was put that the last health answers.
func (n *node) knownSince() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

// missed counts a liveness question, put at now to a pod that was started at
// started: it reports whether the pod has to be restarted. An answer starts the
// count again, and so does every question that a pod is still too young for.
func (n *node) missed(alive bool, started, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if alive {
		n.misses, n.answered = 0, now
		return false
	}
	if n.answered.Before(started) && now.Sub(started) < startWithin {
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

// excuse forgets the questions that went unanswered: the pod was broken on
// purpose.
func (n *node) excuse() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.misses = 0
}

// watch asks the pod for its health until ctx ends.
func (r *Region) watch(ctx context.Context, n *node) {
	for {
		wait := askWhenReady
		if health := r.ask(ctx, n); !health.Ready {
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

// ask asks a pod for its health, and remembers the answer.
func (r *Region) ask(ctx context.Context, n *node) parts.Health {
	asked, health := time.Now(), parts.Health{Reason: "not running"}
	if n.supervisor.Status().Running {
		within, cancel := context.WithTimeout(ctx, askWithin)
		defer cancel()
		health = r.checker.Check(within, n.part.Pod)
	}
	n.learn(health, asked)
	return health
}

// askWhoever asks, all at once, every pod of which nothing is known that is
// newer than freshFor and than the last fault's coming or going. Who looks at
// the lab wants to know how it is, not how it was before it was broken.
func (r *Region) askWhoever(ctx context.Context) {
	oldest := time.Now().Add(-freshFor)
	r.mu.Lock()
	if r.changed.After(oldest) {
		oldest = r.changed
	}
	r.mu.Unlock()
	var asking sync.WaitGroup
	for _, n := range r.nodes {
		if n.supervisor.Status().Running && n.knownSince().Before(oldest) {
			asking.Go(func() { r.ask(ctx, n) })
		}
	}
	asking.Wait()
}

// outdate makes everything that is known of the pods old news.
func (r *Region) outdate() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed = time.Now()
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
		status := n.supervisor.Status()
		if _, faulty := r.book.On(n.part.Pod); faulty || !status.Running {
			n.excuse()
			continue
		}
		within, cancel := context.WithTimeout(ctx, askWithin)
		alive := r.checker.Alive(within, n.part.Pod) == nil
		cancel()
		if n.missed(alive, status.Started, time.Now()) {
			r.log.Warn("pod does not answer; restarting it", "pod", n.part.Pod.String())
			n.supervisor.Kill()
		}
	}
}
