package schedule

import (
	"sync"
	"time"

	"tocsin/probes"
)

// maxBatch is how many results are recorded at once. A store that makes each
// write durable then does so once for all of them.
const maxBatch = 1000

// queue hands results from the probes to whoever records them. Putting never
// blocks. It is not bounded: a result is small, and to drop one would be to
// forget evidence; Schedule.Waiting shows when it grows.
type queue struct {
	mu     sync.Mutex
	filled *sync.Cond
	items  []probes.Result
	closed bool
	// ending is closed with the queue.
	ending chan struct{}
}

func newQueue() *queue {
	q := &queue{ending: make(chan struct{})}
	q.filled = sync.NewCond(&q.mu)
	return q
}

func (q *queue) put(result probes.Result) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(q.items, result)
	q.filled.Signal()
}

// take waits for results and returns all that wait, but no more than maxBatch,
// in the order in which they were put. It returns none once the queue is closed
// and empty.
func (q *queue) take() []probes.Result {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 && !q.closed {
		q.filled.Wait()
	}
	batch := q.items
	if len(batch) > maxBatch {
		batch = batch[:maxBatch:maxBatch]
		q.items = q.items[maxBatch:]
		return batch
	}
	q.items = nil
	return batch
}

// gather waits for more results, but no longer than a time.
func (q *queue) gather(most time.Duration) {
	if most <= 0 {
		return
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-q.ending:
	}
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	close(q.ending)
	q.filled.Broadcast()
}

func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}
