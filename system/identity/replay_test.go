package identity_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// parallel is how many use the same thing at the same moment.
const parallel = 50

// TestReplaysDuringFailovers uses one code, refresh token, proof and pushed
// request fifty times at once over three zones, while the primary of Postgres
// and Redis die: one use is accepted at most, and every other answer is honest.
func TestReplaysDuringFailovers(t *testing.T) {
	rig := shared.rig
	for name, prepare := range map[string]func(*testing.T) replay{
		"one code": replayedCode, "one refresh token after its grace": replayedRefresh,
		"one DPoP proof": replayedProof, "one pushed request": replayedRequest,
	} {
		t.Run(name, func(t *testing.T) {
			what := prepare(t)
			begin := make(chan struct{})
			answers := make([]*document, parallel)
			var group sync.WaitGroup
			for i := range parallel {
				use := what.use(shared.zones[i%len(shared.zones)].gateway)
				group.Go(func() {
					<-begin
					answers[i] = use()
				})
			}
			close(begin)
			for _, lose := range []func() error{rig.Postgres.Kill, rig.Redis.Server.Kill} {
				if err := lose(); err != nil {
					t.Error(err)
				}
			}
			group.Wait()
			what.judge(t, answers)
			for _, bring := range []func() error{start(rig.Postgres.Process), start(rig.Redis.Server)} {
				if err := bring(); err != nil {
					t.Fatal(err)
				}
			}
			if err := shared.awaitReady(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// replay is one thing that may be used once.
type replay struct {
	// use returns a request to the zone behind a gateway.
	use func(gateway string) func() *document
	// accepted and refused tell answers apart; an answer that is neither has
	// to be 503.
	accepted, refused func(*document) bool
	// atMost is how many may be accepted.
	atMost int
}

func (r *replay) judge(t *testing.T, answers []*document) {
	t.Helper()
	accepted, unavailable := 0, 0
	for _, answer := range answers {
		switch {
		case r.accepted(answer):
			accepted++
		case r.refused(answer):
		case answer.status == http.StatusServiceUnavailable && answer.header.Get("Retry-After") != "":
			unavailable++
		default:
			t.Errorf("neither accepted nor honest: %d %s %.300s", answer.status, answer.location, answer.body)
		}
	}
	t.Logf("%d accepted, %d refused, %d unavailable", accepted, len(answers)-accepted-unavailable, unavailable)
	if accepted > r.atMost {
		t.Errorf("accepted %d times", accepted)
	}
}

func says(code string) func(*document) bool {
	return func(answer *document) bool {
		return answer.status == http.StatusBadRequest && strings.Contains(answer.body, `"error":"`+code+`"`)
	}
}

func isOK(answer *document) bool { return answer.status == http.StatusOK }

func replayedCode(t *testing.T) replay {
	a := newAttempt(t, shared.issuer, "profile")
	code := a.logIn(t, newBrowser(t), "2000000301")
	return replay{
		use: func(gateway string) func() *document {
			b := newBrowser(t)
			form := authenticated("grant_type", "authorization_code", "code", code, "redirect_uri", shared.callback, "code_verifier", a.verifier)
			return func() *document { return b.post(gateway+"/token", form) }
		},
		accepted: isOK, refused: says("invalid_grant"), atMost: 1,
	}
}

// replayedRefresh is the token before the last but one: its lost answer was
// repeated long enough.
func replayedRefresh(t *testing.T) replay {
	a, b := newAttempt(t, shared.issuer, "profile", "offline_access"), newBrowser(t)
	token, err := a.exchange(a.logIn(t, b, "2000000302"))
	if err != nil {
		t.Fatal(err)
	}
	first := token.RefreshToken
	next := first
	for range 2 {
		answer := b.post(shared.issuer+"/token", authenticated("grant_type", "refresh_token", "refresh_token", next))
		var body struct {
			RefreshToken string `json:"refresh_token"`
		}
		if err := json.Unmarshal([]byte(answer.body), &body); err != nil || body.RefreshToken == "" {
			t.Fatalf("refresh: %d %s", answer.status, answer.body)
		}
		next = body.RefreshToken
	}
	return replay{
		use: func(gateway string) func() *document {
			b := newBrowser(t)
			form := authenticated("grant_type", "refresh_token", "refresh_token", first)
			return func() *document { return b.post(gateway+"/token", form) }
		},
		accepted: isOK, refused: says("invalid_grant"), atMost: 0,
	}
}

// replayedProof is one proof shown with fifty fresh assertions.
func replayedProof(t *testing.T) replay {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	proof := dpopProof(t, key, http.MethodPost, shared.issuer+"/token", "")
	return replay{
		use: func(gateway string) func() *document {
			b := newBrowser(t)
			form := authenticated("grant_type", "client_credentials", "scope", "grant_management_query")
			request, err := http.NewRequest(http.MethodPost, gateway+"/token", strings.NewReader(form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.Header.Set("DPoP", proof)
			return func() *document { return b.do(request) }
		},
		accepted: isOK, refused: says("invalid_dpop_proof"), atMost: 1,
	}
}

// replayedRequest is one pushed request of somebody who is known and has
// consented, completed by fifty browsers.
func replayedRequest(t *testing.T) replay {
	a := newAttempt(t, shared.issuer, "profile")
	p := &prepared{b: newBrowser(t), a: a}
	a.logIn(t, p.b, "2000000303")
	caughtUp(t)
	var pushed struct {
		RequestURI string `json:"request_uri"`
	}
	if answer := p.push(); json.Unmarshal([]byte(answer.body), &pushed) != nil || pushed.RequestURI == "" {
		t.Fatalf("push: %d %s", answer.status, answer.body)
	}
	query := url.Values{"client_id": {clientID}, "request_uri": {pushed.RequestURI}}.Encode()
	return replay{
		use: func(gateway string) func() *document {
			b := newBrowser(t)
			home, err := url.Parse(shared.issuer)
			if err != nil {
				t.Fatal(err)
			}
			b.client.Jar.SetCookies(home, p.b.client.Jar.Cookies(home))
			return func() *document { return b.get(gateway + "/authorize?" + query) }
		},
		accepted: func(answer *document) bool { return strings.Contains(answer.location, "code=") },
		refused:  func(answer *document) bool { return strings.Contains(answer.location, "error=invalid_request_uri") },
		atMost:   1,
	}
}

// caughtUp waits until the standby has all that the primary has: while it is
// behind, people are rightly asked again for what they have just allowed.
func caughtUp(t *testing.T) {
	t.Helper()
	reached, err := shared.rig.Postgres.Query(t.Context(), "postgres", "SELECT pg_current_wal_lsn()")
	if err != nil {
		t.Fatal(err)
	}
	standbyHas := func() error {
		has, err := shared.rig.Standby.Query(t.Context(), "postgres", "SELECT pg_last_wal_replay_lsn() >= '"+reached+"'")
		if err == nil && has != "t" {
			err = errors.New("the standby is behind")
		}
		return err
	}
	if err := await(t.Context(), 15*time.Second, standbyHas); err != nil {
		t.Fatal(err)
	}
}

// dpopProof makes a proof of possession of key (RFC 9449, 4.2).
func dpopProof(t testing.TB, key *ecdsa.PrivateKey, method, address, accessToken string) string {
	t.Helper()
	options := (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": address, "iat": time.Now().Unix()}
	if accessToken != "" {
		hash := sha256.Sum256([]byte(accessToken))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(hash[:])
	}
	proof, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return proof
}
