package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"tocsin/system/hsm/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a node over HTTPS whose key is in memory.
type fake struct {
	url      string
	key      *ecdsa.PrivateKey
	lacks    atomic.Bool // the key
	broken   atomic.Bool // its token
	frozen   atomic.Bool // all of it
	requests atomic.Int64
	largest  atomic.Int64 // batch
	release  chan struct{}
}

func newFake(t testing.TB, key *ecdsa.PrivateKey) *fake {
	t.Helper()
	f := &fake{key: key, release: make(chan struct{})}
	server := httptest.NewUnstartedServer(http.HandlerFunc(f.serve))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(func() {
		close(f.release)
		server.Close()
	})
	f.url = server.URL
	return f
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.requests.Add(1)
	if f.frozen.Load() {
		select {
		case <-f.release:
		case <-r.Context().Done():
		}
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	orders, err := protocol.ParseOrders(body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	f.largest.Store(max(f.largest.Load(), int64(len(orders))))
	var answer []byte
	for _, order := range orders {
		answer = protocol.AppendAnswer(answer, f.answer(order))
	}
	if _, err := w.Write(answer); err != nil {
		return // the client left
	}
}

func (f *fake) answer(order protocol.Order) protocol.Answer {
	if f.lacks.Load() {
		return protocol.Answer{Outcome: protocol.NoKey}
	}
	r, s, err := ecdsa.Sign(rand.Reader, f.key, order.Digest[:])
	if err != nil || f.broken.Load() {
		return protocol.Answer{Outcome: protocol.Unavailable}
	}
	return protocol.Answer{Signature: append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)}
}

// pair is two nodes with one key, and a client that prefers the first.
func pair(t testing.TB) (first, second *fake, c *Client, order protocol.Order) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	first, second = newFake(t, key), newFake(t, key)
	c = New([]string{first.url, second.url}, &tls.Config{InsecureSkipVerify: true})
	t.Cleanup(c.Close)
	order = protocol.Order{Algorithm: jose.ES256}
	rand.Read(order.Digest[:])
	if order.Key, err = protocol.IDOf(key.Public()); err != nil {
		t.Fatal(err)
	}
	return first, second, c, order
}

func signs(t testing.TB, c *Client, key *ecdsa.PrivateKey, order protocol.Order) {
	t.Helper()
	signature, err := c.Sign(context.Background(), order)
	if err != nil {
		t.Errorf("sign: %v", err)
		return
	}
	if !protocol.Verify(jose.ES256, key.Public(), order.Digest[:], signature) {
		t.Error("signature does not verify")
	}
}

func TestNodeThatCannotSignIsPassedOver(t *testing.T) {
	for _, test := range []struct {
		name string
		hurt func(*fake)
	}{
		{"none is", func(*fake) {}},
		{"one that lacks the key is", func(f *fake) { f.lacks.Store(true) }},
		{"one whose token is away is", func(f *fake) { f.broken.Store(true) }},
		{"one that is frozen is, after one attempt", func(f *fake) { f.frozen.Store(true) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			first, second, c, order := pair(t)
			test.hurt(first)
			signs(t, c, first.key, order)
			hurt := first.lacks.Load() || first.broken.Load() || first.frozen.Load()
			if hurt == (second.requests.Load() == 0) {
				t.Errorf("the second was asked %d times", second.requests.Load())
			}
			if preferred := c.preferred(order.Key, time.Now())[0].url; hurt != (preferred == second.url) {
				t.Errorf("%s is asked first next time", preferred)
			}
		})
	}
}

func TestManyAtOnceTravelTogether(t *testing.T) {
	first, second, c, order := pair(t)
	const callers = 200
	together := func() {
		t.Helper()
		var group sync.WaitGroup
		for range callers {
			own := order
			rand.Read(own.Digest[:])
			group.Go(func() { signs(t, c, first.key, own) })
		}
		group.Wait()
	}
	together()
	if requests := first.requests.Load() + second.requests.Load(); requests > callers/2 {
		t.Errorf("%d orders took %d requests", callers, requests)
	}
	if first.largest.Load() > protocol.MaxOrders {
		t.Errorf("a batch of %d", first.largest.Load())
	}
	// Those that wait for a node that turns out to be frozen go on to the next
	// with the first that found out.
	first.frozen.Store(true)
	asked := first.requests.Load()
	together()
	if more := first.requests.Load() - asked; more > 2*maxInFlight {
		t.Errorf("%d more requests went to a frozen node", more)
	}
}

func TestWithoutAnyNodeItIsUnavailable(t *testing.T) {
	first, second, c, order := pair(t)
	first.broken.Store(true)
	second.lacks.Store(true)
	if _, err := c.Sign(t.Context(), order); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if _, err := c.SignAt(t.Context(), "https://elsewhere", order); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestCallerThatLeavesSaysNothingAboutTheNode(t *testing.T) {
	first, _, c, order := pair(t)
	first.frozen.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), attemptTimeout/10)
	defer cancel()
	if _, err := c.Sign(ctx, order); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	if c.nodes[0].rests(order.Key, time.Now()) {
		t.Error("the node was put aside")
	}
}
