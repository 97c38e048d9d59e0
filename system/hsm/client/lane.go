package client

import (
	"errors"
	"sync"

	"tocsin/system/hsm/protocol"
)

// maxSlow keeps a batch of RSA orders well below attemptTimeout on a busy node.
const maxSlow = 8

// maxInFlight is how many requests of one lane are under way at a node. While
// they are, what else is to be signed waits and then travels together, so
// batches grow with the load and a lone order waits for nobody.
const maxInFlight = 2

// lane queues orders of one sort to one node.
type lane struct {
	// most is how many orders travel together.
	most     int
	mu       sync.Mutex
	waiting  []*pendingOrder
	inFlight int
}

var errToken = errors.New("the token is unavailable")

type pendingOrder struct {
	order protocol.Order
	done  chan outcome
}

type outcome struct {
	signature []byte
	err       error
}

func (n *node) enqueue(l *lane, pending *pendingOrder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, pending)
	if l.inFlight < maxInFlight {
		l.inFlight++
		go n.drain(l)
	}
}

// drain sends what waits until nothing does.
func (n *node) drain(l *lane) {
	for {
		orders := l.take()
		if len(orders) == 0 {
			return
		}
		if err := n.carryOut(orders); err != nil {
			// The others need not find out for themselves, one timeout each.
			for _, pending := range l.give() {
				pending.done <- outcome{err: err}
			}
		}
	}
}

// give returns all that waits.
func (l *lane) give() []*pendingOrder {
	l.mu.Lock()
	defer l.mu.Unlock()
	orders := l.waiting
	l.waiting = nil
	return orders
}

// take returns the oldest orders; when there are none its caller has stopped.
func (l *lane) take() []*pendingOrder {
	l.mu.Lock()
	defer l.mu.Unlock()
	count := min(len(l.waiting), l.most)
	orders := l.waiting[:count:count]
	l.waiting = l.waiting[count:]
	if len(l.waiting) == 0 {
		l.waiting = nil
	}
	if count == 0 {
		l.inFlight--
	}
	return orders
}

// carryOut tells each order's caller what became of it. It fails when the node did.
func (n *node) carryOut(orders []*pendingOrder) error {
	answers, err := n.batch(orders)
	for i, pending := range orders {
		if err != nil {
			pending.done <- outcome{err: err}
			continue
		}
		switch answers[i].Outcome {
		case protocol.Signed:
			pending.done <- outcome{signature: answers[i].Signature}
		case protocol.NoKey:
			pending.done <- outcome{err: errNoKey}
		default:
			pending.done <- outcome{err: errToken}
		}
	}
	return err
}
