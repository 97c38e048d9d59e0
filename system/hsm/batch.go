package hsm

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/protocol"
)

// signBatch answers POST /v1/sign-batch: many orders in, an answer for each
// out. One request a signature costs more than the signature itself.
func (n *node) signBatch(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body) // the server bounds it
	if err != nil {
		refuse(w, http.StatusBadRequest, "the body cannot be read")
		return
	}
	orders, err := protocol.ParseOrders(body)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	answers := n.signAll(r.Context(), orders)
	size := 0
	for _, answer := range answers {
		size += 3 + len(answer.Signature)
	}
	encoded := make([]byte, 0, size)
	for _, answer := range answers {
		encoded = protocol.AppendAnswer(encoded, answer)
	}
	n.writeBinary(w, encoded)
}

// maxShare is how many orders one session carries out in a row.
const maxShare = 16

// signAll carries out orders on several sessions side by side.
func (n *node) signAll(ctx context.Context, orders []protocol.Order) []protocol.Answer {
	answers := make([]protocol.Answer, len(orders))
	shares := share(orders, n.workers)
	var next atomic.Int64
	work := func() {
		for i := next.Add(1) - 1; i < int64(len(shares)); i = next.Add(1) - 1 {
			from, to := shares[i][0], shares[i][1]
			n.carryOut(ctx, orders[from:to], answers[from:to])
		}
	}
	var group sync.WaitGroup
	for range min(n.workers, len(shares)) - 1 {
		group.Go(work)
	}
	work()
	group.Wait()
	return answers
}

// share divides orders among workers, as ranges. RSA takes so long that each
// order is on its own.
func share(orders []protocol.Order, workers int) [][2]int {
	size := min(maxShare, (len(orders)+workers-1)/workers)
	var shares [][2]int
	for from := 0; from < len(orders); {
		to := from + 1
		for to < len(orders) && to-from < size && orders[from].Algorithm == jose.ES256 && orders[to].Algorithm == jose.ES256 {
			to++
		}
		shares = append(shares, [2]int{from, to})
		from = to
	}
	return shares
}

func (n *node) carryOut(ctx context.Context, orders []protocol.Order, answers []protocol.Answer) {
	signed, err := n.token.SignAll(ctx, orders)
	if err != nil {
		n.log.WarnContext(ctx, "token cannot sign", "orders", len(orders), "error", err)
		for i := range answers {
			answers[i].Outcome = protocol.Unavailable
		}
		return
	}
	copy(answers, signed)
}
