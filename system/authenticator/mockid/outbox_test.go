package mockid

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/system/internal/conf"
)

func TestCodesGoToTheFileAndTheAddress(t *testing.T) {
	posted := make(chan message, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Errorf("posted: %v", err)
		}
		posted <- m
	}))
	defer receiver.Close()
	file := filepath.Join(t.TempDir(), "outbox.jsonl")
	o := newOutbox(&Config{OutboxFile: conf.Path(file), OutboxURL: receiver.URL}, silent(), time.Now)
	defer o.client.CloseIdleConnections()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); o.run(ctx) }()
	for range 2 {
		if err := o.put(message{Transaction: "t", IndividualID: "1", Code: "123456", Sent: time.Now()}, true); err != nil {
			t.Fatal(err)
		}
		if m := <-posted; m.Code != "123456" || m.Transaction != "t" {
			t.Errorf("posted %+v", m)
		}
	}
	stop()
	<-ended
	opened, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	lines := 0
	for scanner := bufio.NewScanner(opened); scanner.Scan(); lines++ {
		var m message
		if err := json.Unmarshal(scanner.Bytes(), &m); err != nil || m.Code != "123456" {
			t.Errorf("line %q: %v", scanner.Text(), err)
		}
	}
	if lines != 2 {
		t.Errorf("%d lines", lines)
	}
}

// failing is a receiver that is away until it is told to work.
type failing struct{ works atomic.Bool }

func (f *failing) RoundTrip(*http.Request) (*http.Response, error) {
	if !f.works.Load() {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func TestBrokenDeliveryIsToldToEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		receiver := &failing{}
		o := newOutbox(&Config{OutboxURL: "http://receiver"}, silent(), time.Now)
		o.client.Transport = receiver
		go o.run(t.Context())
		m := message{IndividualID: "1", Code: "123456", Sent: time.Now()}
		if err := o.put(m, true); err != nil {
			t.Fatalf("before anything is known: %v", err)
		}
		synctest.Wait()
		for _, exists := range []bool{true, false} {
			if err := o.put(m, exists); !errors.Is(err, errUndelivered) {
				t.Errorf("person exists: %t: %v", exists, err)
			}
		}
		receiver.works.Store(true)
		time.Sleep(deliveryPause) // of the synctest clock
		synctest.Wait()
		if err := o.put(m, false); err != nil {
			t.Errorf("after delivery works again: %v", err)
		}
	})
}

func TestFullQueueIsAnError(t *testing.T) {
	o := newOutbox(&Config{}, silent(), time.Now)
	for range waiting {
		if err := o.put(message{}, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.put(message{}, true); !errors.Is(err, errUndelivered) {
		t.Errorf("got %v", err)
	}
}
