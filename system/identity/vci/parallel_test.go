package vci_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/system/identity/token/tokentest"
	"tocsin/system/identity/vci/offer"
)

// parallel is how many do the same at once.
const parallel = 50

// atOnce counts those of parallel calls that succeed.
func atOnce(do func() bool) int {
	var group sync.WaitGroup
	var succeeded atomic.Int64
	for range parallel {
		group.Go(func() {
			if do() {
				succeeded.Add(1)
			}
		})
	}
	group.Wait()
	return int(succeeded.Load())
}

func TestAPreAuthorizedCodeIsGoodOnceForManyAtOnce(t *testing.T) {
	s := newStand(t)
	made := s.offer(map[string]any{"credential_configuration_ids": []string{sdJWT}, "person": tokentest.Person}, http.StatusCreated)
	form := url.Values{"grant_type": {offer.PreAuthorizedCode}, "pre-authorized_code": {made.preAuthorized()["pre-authorized_code"].(string)}}
	if accepted := atOnce(func() bool { return s.Token(t, form, nil).Code == http.StatusOK }); accepted != 1 {
		t.Errorf("%d of %d are accepted", accepted, parallel)
	}
}

func TestGuessesMadeAtOnceAreCountedTogether(t *testing.T) {
	s := newStand(t)
	made := s.offer(map[string]any{"credential_configuration_ids": []string{sdJWT}, "person": tokentest.Person, "tx_code": map[string]any{}}, http.StatusCreated)
	form := url.Values{"grant_type": {offer.PreAuthorizedCode}, "pre-authorized_code": {made.preAuthorized()["pre-authorized_code"].(string)}, "tx_code": {"wrong"}}
	tried := atOnce(func() bool {
		w := s.Token(t, form, nil)
		return strings.Contains(w.Body.String(), "tx_code is wrong")
	})
	if tried != 5 {
		t.Errorf("%d guesses were answered, 5 are allowed", tried)
	}
}

func TestATransactionPickedUpByManyAtOnceIsOneIssuance(t *testing.T) {
	s := newStand(t)
	with := s.scoped(s.Plain, reviewed)
	later := s.obtain(with, "credential_configuration_id", reviewed, http.StatusAccepted)
	s.Clock = s.Clock.Add(time.Minute)
	accepted := atOnce(func() bool {
		return s.send(http.MethodPost, "/vci/deferred", with, map[string]any{"transaction_id": later.TransactionID}).Code == http.StatusOK
	})
	if next, err := s.records.Next(t.Context()); err != nil || next != 1 || accepted != parallel {
		t.Errorf("%d status entries for %d answers: %v", next, accepted, err)
	}
}

func benchmark(b *testing.B, configuration string) {
	s := newStand(b)
	with := s.scoped(s.Plain, configuration)
	request := map[string]any{"credential_configuration_id": configuration, "proofs": s.prove(s.wallet)}
	for b.Loop() {
		if w := s.ask(with, request); w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
	}
}

func BenchmarkCredentialSDJWT(b *testing.B) { benchmark(b, sdJWT) }
func BenchmarkCredentialJWTVC(b *testing.B) { benchmark(b, jwtVC) }
func BenchmarkCredentialMDoc(b *testing.B)  { benchmark(b, mDoc) }
