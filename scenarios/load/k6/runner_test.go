package k6_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/scenarios/load"
	"tocsin/scenarios/load/k6"
	"tocsin/scenarios/optest"
)

// binary returns the real k6. A missing one is a failure, not a skip: a load
// that was never run has not been tested.
func binary(t *testing.T) string {
	t.Helper()
	for _, candidate := range []string{"../../../bin/k6", ""} {
		path, err := k6.Find(candidate)
		if err == nil {
			return path
		}
	}
	t.Fatalf("%v", k6.ErrMissing)
	return ""
}

func runner(t *testing.T, op *optest.Provider) *k6.Runner {
	t.Helper()
	made, err := k6.New(k6.Config{Binary: binary(t), Folder: t.TempDir(), Login: k6.Login{
		Issuer: op.URL, Authorization: op.URL + "/authorize", Token: op.URL + "/token", Userinfo: op.URL + "/userinfo",
		ClientID: optest.ClientID, KeyFile: op.KeyFile, RedirectURI: op.RedirectURI, Scopes: []string{"openid", "profile"},
		First: optest.First, Count: 1000, SecretFile: op.SecretFile, CAFile: op.CAFile, UserAgent: "tocsin/test",
	}})
	if err != nil {
		t.Fatalf("new runner: %v", err)
	}
	return made
}

func run(t *testing.T, op *optest.Provider, plan load.Plan) ([]load.Login, load.End) {
	t.Helper()
	var logins []load.Login
	end, err := runner(t, op).Run(t.Context(), plan, func(login load.Login) { logins = append(logins, login) })
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	return logins, end
}

func TestEveryLoginIsAWholeJourneyOfAnIndividualOfItsOwn(t *testing.T) {
	op := optest.New(t)
	logins, end := run(t, op, load.Plan{Rate: 10, Duration: 2 * time.Second, RunID: "r1"})
	if len(logins) < 19 || len(logins) != end.Iterations || end.Dropped != 0 || end.Unreadable != 0 {
		t.Fatalf("%d logins, end %+v", len(logins), end)
	}
	for _, login := range logins {
		if !login.OK || login.GrantID == "" || login.Code == "" || login.CodeVerifier == "" || login.GrantAcked.IsZero() || len(login.Problems) > 0 {
			t.Fatalf("login %+v", login)
		}
		for _, step := range []string{"authorize", "login-page", "login", "consent-page", "consent", "token", "userinfo"} {
			if _, ok := login.Steps[step]; !ok {
				t.Fatalf("step %s is missing in %v", step, login.Steps)
			}
		}
	}
	for individual, count := range op.Individuals() {
		if count != 1 || len(individual) != len(optest.First) {
			t.Errorf("individual %s logged in %d times", individual, count)
		}
	}
}

func TestALoginWaitsThroughAnHonestOutage(t *testing.T) {
	op := optest.New(t)
	healed := time.Now().Add(2500 * time.Millisecond)
	op.Break(func(w http.ResponseWriter, r *http.Request) bool {
		if time.Now().After(healed) {
			return false
		}
		if r.URL.Path == "/authorize" {
			// The connection is closed without an answer, as a dying gateway does.
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Retry-After", "1")
		http.Error(w, "no primary", http.StatusServiceUnavailable)
		return true
	})
	logins, _ := run(t, op, load.Plan{Rate: 5, Duration: 2 * time.Second, RunID: "r2"})
	figures := load.Sum(load.Plan{Rate: 5, Duration: 2 * time.Second}, logins, load.End{})
	if figures.Failed != 0 || figures.Waited == 0 || figures.Lies != 0 {
		t.Fatalf("figures %+v", figures)
	}
	if figures.Problems[load.Reset] == 0 {
		t.Errorf("problems %v, want connection resets", figures.Problems)
	}
}

func TestAVerdictAgainstAValidCodeIsALie(t *testing.T) {
	op := optest.New(t)
	var lied atomic.Bool
	op.Break(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/token" || lied.Swap(true) {
			return false
		}
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return true
	})
	logins, _ := run(t, op, load.Plan{Rate: 2, Duration: time.Second, RunID: "r3"})
	lies := 0
	for _, login := range logins {
		lies += login.Lies()
		if !login.OK {
			t.Errorf("login failed: %s", login.GaveUp)
		}
	}
	if lies != 1 {
		t.Fatalf("%d lies, want 1", lies)
	}
}

func TestARefusalAfter503OfTheSameCodeIsNoLie(t *testing.T) {
	op := optest.New(t)
	var presented atomic.Int32
	op.Break(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/token" {
			return false
		}
		switch presented.Add(1) {
		case 1:
			http.Error(w, "", http.StatusServiceUnavailable)
			return true
		case 2:
			http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
			return true
		}
		return false
	})
	logins, _ := run(t, op, load.Plan{Rate: 1, Duration: time.Second, RunID: "r4"})
	if len(logins) == 0 || !logins[0].OK || logins[0].Lies() != 0 || logins[0].Restarts != 1 {
		t.Fatalf("logins %+v", logins)
	}
}

func TestACancelledLoadEndsItsProcessAndKeepsWhatItSaw(t *testing.T) {
	op := optest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	end, err := runner(t, op).Run(ctx, load.Plan{Rate: 10, Duration: time.Minute, RunID: "r5"}, func(load.Login) {
		if seen++; seen == 3 {
			cancel()
		}
	})
	if err != nil || !end.Stopped || seen < 3 || seen > 100 {
		t.Fatalf("seen %d, end %+v, err %v", seen, end, err)
	}
}

func TestACorrectPINThatIsRefusedIsALie(t *testing.T) {
	op := optest.New(t)
	var refused atomic.Bool
	op.Break(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/ui/login" || r.Method != http.MethodPost || refused.Swap(true) {
			return false
		}
		http.Redirect(w, r, r.URL.RequestURI(), http.StatusSeeOther)
		return true
	})
	logins, _ := run(t, op, load.Plan{Rate: 1, Duration: time.Second, RunID: "r6"})
	if len(logins) == 0 || !logins[0].OK || logins[0].Lies() != 1 {
		t.Fatalf("logins %+v", logins)
	}
}

func TestBeingAskedToLogInAgainIsALossAndNoLie(t *testing.T) {
	op := optest.New(t)
	var forgot atomic.Bool
	op.Break(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/ui/consent" || r.Method != http.MethodGet || forgot.Swap(true) {
			return false
		}
		http.Redirect(w, r, "/ui/login?"+r.URL.RawQuery, http.StatusSeeOther)
		return true
	})
	logins, _ := run(t, op, load.Plan{Rate: 1, Duration: time.Second, RunID: "r7"})
	if len(logins) == 0 || !logins[0].OK || logins[0].Lies() != 0 || len(logins[0].Problems) != 1 || logins[0].Problems[0].Kind != load.Verdict {
		t.Fatalf("logins %+v", logins)
	}
}

func TestABrokenKeyIsOurOwnFault(t *testing.T) {
	op := optest.New(t)
	made, err := k6.New(k6.Config{Binary: binary(t), Folder: t.TempDir(), Login: k6.Login{
		Issuer: op.URL, Authorization: op.URL + "/authorize", Token: op.URL + "/token",
		ClientID: "x", KeyFile: op.SecretFile + ".missing", First: "1", Count: 1, SecretFile: op.SecretFile,
	}})
	if err != nil {
		t.Fatalf("new runner: %v", err)
	}
	_, err = made.Run(t.Context(), load.Plan{Rate: 1, Duration: time.Second}, func(load.Login) {})
	if err == nil || !strings.Contains(err.Error(), "exit code") || !strings.Contains(err.Error(), ".missing") {
		t.Fatalf("err %v, want one that names the file", err)
	}
}

func TestAMissingK6SaysHowToGetIt(t *testing.T) {
	t.Setenv("TOCSIN_K6", "/nowhere/k6")
	_, err := k6.Find("")
	if err == nil || !strings.Contains(err.Error(), "make bin/k6") {
		t.Fatalf("err %v", err)
	}
}
