package hsm

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"tocsin/system/hsm/pkcs11pool"
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

// signAll carries out orders side by side.
func (n *node) signAll(ctx context.Context, orders []protocol.Order) []protocol.Answer {
	answers := make([]protocol.Answer, len(orders))
	var next atomic.Int64
	work := func() {
		for i := next.Add(1) - 1; i < int64(len(orders)); i = next.Add(1) - 1 {
			answers[i] = n.carryOut(ctx, orders[i])
		}
	}
	var group sync.WaitGroup
	for range min(n.workers, len(orders)) - 1 {
		group.Go(work)
	}
	work()
	group.Wait()
	return answers
}

func (n *node) carryOut(ctx context.Context, order protocol.Order) protocol.Answer {
	signature, err := n.token.Sign(ctx, order.Key, order.Algorithm, order.Digest[:])
	switch {
	case err == nil:
		return protocol.Answer{Outcome: protocol.Signed, Signature: signature}
	case errors.Is(err, pkcs11pool.ErrNoKey):
		return protocol.Answer{Outcome: protocol.NoKey}
	default:
		n.log.WarnContext(ctx, "token cannot sign", "error", err)
		return protocol.Answer{Outcome: protocol.Unavailable}
	}
}
