package identity_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"testing"
	"time"
)

const (
	// maxMemory is what one request may make the whole process allocate, this
	// test's client and all that runs in the background included.
	maxMemory = 16 << 20
	// maxPatience is how long the answer may take.
	maxPatience = time.Second
	// tries: what others do at the same time comes once, what a request costs
	// comes every time.
	tries = 3
)

// nasty is a request that nobody needs.
type nasty struct {
	method, path string
	header       http.Header
	body         func() []byte
	// open endpoints may answer whoever asks; others have to refuse.
	open bool
}

// attacker sends requests to a provider as its gateway would.
type attacker struct {
	address string
	client  *http.Client
}

func newAttacker(t *testing.T, listen string) *attacker {
	t.Helper()
	files, err := shared.rig.CA.Issue("gateway")
	if err != nil {
		t.Fatal(err)
	}
	config, err := files.Client()
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: config} // HTTP/1.1, as the gateway speaks to its servers
	t.Cleanup(transport.CloseIdleConnections)
	return &attacker{address: "https://" + listen, client: &http.Client{
		Transport: transport, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// outcome is what a request came to.
type outcome struct {
	status   int
	location string
	body     string
	memory   uint64
	took     time.Duration
}

func (a *attacker) send(n *nasty) (*outcome, error) {
	body := []byte{}
	if n.body != nil {
		body = n.body()
	}
	request, err := http.NewRequest(n.method, a.address+n.path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header = n.header.Clone()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	started := time.Now()
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	took := time.Since(started)
	runtime.ReadMemStats(&after)
	return &outcome{
		status: response.StatusCode, location: response.Header.Get("Location"), body: string(text),
		memory: after.TotalAlloc - before.TotalAlloc, took: took,
	}, nil
}

// judge returns what is wrong with an outcome.
func (n *nasty) judge(o *outcome) error {
	refused := o.status >= 400 && o.status < 500
	if o.status == http.StatusSeeOther { // a verdict that the client is told
		location, err := url.Parse(o.location)
		refused = err == nil && location.Query().Has("error")
	}
	switch {
	case o.status >= 500 || !refused && !n.open:
		return fmt.Errorf("says %d %s: %.200s", o.status, o.location, o.body)
	case o.memory > maxMemory:
		return fmt.Errorf("allocates %d KiB", o.memory>>10)
	case o.took > maxPatience:
		return fmt.Errorf("takes %s", o.took)
	}
	return nil
}

// TestNoRequestAllocatesMuch: a provider of little memory must not be ended by
// one request, whatever is in it.
func TestNoRequestAllocatesMuch(t *testing.T) {
	p := prepare(t)
	for zone, listen := range map[string]string{"provider": shared.zones[0].provider.Public.Listen, "pages": shared.zones[0].pages.Public.Listen} {
		a := newAttacker(t, listen)
		requests := p.nastyToPages()
		if zone == "provider" {
			requests = p.nastyToProvider(t)
		}
		worst, slowest := uint64(0), time.Duration(0)
		for _, name := range slices.Sorted(maps.Keys(requests)) {
			n := requests[name]
			var problem error
			for range tries {
				o, err := a.send(n)
				if err != nil {
					problem = err
					continue
				}
				if problem = n.judge(o); problem == nil {
					worst, slowest = max(worst, o.memory), max(slowest, o.took)
					break
				}
			}
			if problem != nil {
				t.Errorf("%s: %s: %v", zone, name, problem)
			}
		}
		t.Logf("%s: %d requests; the worst allocates %d KiB, the slowest takes %s", zone, len(requests), worst>>10, slowest)
	}
}
