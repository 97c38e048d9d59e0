package schedule

import (
	"sync"

	"tocsin/probes"
)

// queue hands results from the probes to whoever records them. Putting never
// blocks. It is not bounded: a result is small, and to drop one would be to
// forget evidence; Schedule.Waiting shows when it grows.
type queue struct {
	mu     sync.Mutex
	filled *sync.Cond
	items  []probes.Result
	closed bool
}

func newQueue() *queue {
	q := &queue{}
	q.filled = sync.NewCond(&q.mu)
	return q
}

func (q *queue) put(result probes.Result) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(q.items, result)
	q.filled.Signal()
}

// take waits for a result; it reports false once the queue is closed and empty.
func (q *queue) take() (probes.Result, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 && !q.closed {
		q.filled.Wait()
	}
	if len(q.items) == 0 {
		return probes.Result{}, false
	}
	first := q.items[0]
	q.items = q.items[1:]
	return first, true
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.filled.Broadcast()
}

func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}
