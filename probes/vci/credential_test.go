package vci_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/vci"
)

func run(t *testing.T, i *issuer, change func(*target.Credential)) probes.Result {
	t.Helper()
	probe, err := vci.New(i.config(change))
	if err != nil {
		t.Fatal(err)
	}
	return probe.Run(context.Background())
}

func names(result probes.Result) []string {
	all := make([]string, len(result.Steps))
	for index, step := range result.Steps {
		all[index] = step.Name
	}
	return all
}

func TestACredentialIsFollowedFromItsOfferToItsStatus(t *testing.T) {
	i := newIssuer(t, faults{})
	result := run(t, i, nil)
	if result.Reason != verdict.OK {
		t.Fatalf("%s at %s: %s", result.Reason, result.FailedStep, result.Detail)
	}
	want := []string{"discovery", "service-token", "offer", "metadata", "token", "nonce", "credential", "verify", "status-list", "notification"}
	if got := names(result); !slices.Equal(got, want) {
		t.Errorf("steps %v, expected %v", got, want)
	}
	if i.notified != 2 {
		t.Errorf("notified %d times: saying it again was not tried", i.notified)
	}
	if result.Figures["status_list_entries_total"] != 16 || result.Figures["disclosures_total"] != 1 {
		t.Errorf("figures %v", result.Figures)
	}
}

func TestACredentialThatIsPutOffIsWaitedFor(t *testing.T) {
	if result := run(t, newIssuer(t, faults{deferred: 1, moved: "other-"}), nil); result.Reason != verdict.Content || result.FailedStep != "credential" {
		t.Errorf("%s at %s: %s", result.Reason, result.FailedStep, result.Detail)
	}
}

func set(name string, value any) func(map[string]any) {
	return func(claims map[string]any) { claims[name] = value }
}

func TestABrokenPromiseIsBlamedOnItsStep(t *testing.T) {
	past, future := time.Now().Add(-time.Hour).Unix(), time.Now().Add(time.Hour).Unix()
	card := func(change func(map[string]any)) func(map[string]any) {
		return func(document map[string]any) {
			change(document["credential_configurations_supported"].(map[string]any)[configurationID].(map[string]any))
		}
	}
	cases := map[string]struct {
		faults faults
		step   string
		reason verdict.Reason
	}{
		"an offer of another issuer":         {faults{offer: set("credential_issuer", "https://other.example")}, "offer", verdict.Claims},
		"an offer of something else":         {faults{offer: set("credential_configuration_ids", []string{"other"})}, "offer", verdict.Claims},
		"an offer that offers nothing":       {faults{offer: set("credential_configuration_ids", []string{})}, "offer", verdict.Content},
		"no code in the offer":               {faults{offer: set("grants", map[string]any{})}, "token", verdict.Content},
		"metadata of another issuer":         {faults{metadata: set("credential_issuer", "https://other.example")}, "metadata", verdict.Content},
		"a credential endpoint in the clear": {faults{metadata: set("credential_endpoint", "http://a.example/c")}, "metadata", verdict.Content},
		"a configuration that is gone":       {faults{metadata: set("credential_configurations_supported", map[string]any{})}, "metadata", verdict.Content},
		"a configuration of another format":  {faults{metadata: card(set("format", "mso_mdoc"))}, "metadata", verdict.Content},
		"metadata signed by somebody else":   {faults{foreign: "metadata"}, "metadata", verdict.Signature},
		"a nonce that may be stored":         {faults{cached: true}, "nonce", verdict.Header},
		"a credential endpoint in trouble":   {faults{status: map[string]int{"/credential": 503}}, "credential", verdict.Unavailable},
		"a refused right request":            {faults{metadata: set("nonce_endpoint", "")}, "credential", verdict.ProtocolError},
		"a credential signed by others":      {faults{foreign: "credential"}, "verify", verdict.Signature},
		"a key that is not published":        {faults{keys: set("jwks", map[string]any{"keys": []any{}})}, "metadata", verdict.Signature},
		"keys of another issuer":             {faults{keys: set("issuer", "https://other.example")}, "metadata", verdict.Keys},
		"another type":                       {faults{claims: set("vct", "urn:example:other")}, "verify", verdict.Claims},
		"another issuer in the credential":   {faults{claims: set("iss", "https://other.example")}, "verify", verdict.Claims},
		"an expired credential":              {faults{claims: set("exp", past)}, "verify", verdict.Claims},
		"a credential from the future":       {faults{claims: set("iat", future)}, "verify", verdict.Claims},
		"a credential not valid yet":         {faults{claims: set("nbf", future)}, "verify", verdict.Claims},
		"a credential bound to nobody":       {faults{claims: set("cnf", nil)}, "verify", verdict.Claims},
		"a credential bound to others":       {faults{claims: set("cnf", map[string]any{"jwk": map[string]any{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}})}, "verify", verdict.Claims},
		"a claim that was promised":          {faults{claims: set("_sd", []string{}), text: func(text string) string { return text[:strings.Index(text, "~")+1] }}, "verify", verdict.Claims},
		"a disclosure that nobody signed":    {faults{claims: set("_sd", []string{})}, "verify", verdict.Content},
		"a credential that is none":          {faults{text: func(string) string { return "hello" }}, "verify", verdict.Content},
		"a status in no list":                {faults{claims: set("status", map[string]any{"status_list": map[string]any{"idx": 1}})}, "verify", verdict.Content},
		"a status list that is gone":         {faults{status: map[string]int{"/status/1": 404}}, "status-list", verdict.Status},
		"a status list signed by others":     {faults{foreign: "list"}, "status-list", verdict.Signature},
		"a status list of another type":      {faults{listType: "JWT"}, "status-list", verdict.Content},
		"a status list about another":        {faults{list: set("sub", "https://other.example")}, "status-list", verdict.Claims},
		"an expired status list":             {faults{list: set("exp", past)}, "status-list", verdict.Claims},
		"a status list without a time":       {faults{list: set("iat", nil)}, "status-list", verdict.Content},
		"a status list that is too short":    {faults{claims: set("status", map[string]any{"status_list": map[string]any{"idx": 99, "uri": "URI"}})}, "status-list", verdict.Content},
		"a credential that is revoked":       {faults{bits: []byte{0xff}}, "status-list", verdict.Claims},
		"a notification that is refused":     {faults{status: map[string]int{"/notification": 404}}, "notification", verdict.Status},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t, c.faults)
			if name == "a status list that is too short" {
				i.faults.claims = set("status", map[string]any{"status_list": map[string]any{"idx": 99, "uri": i.server.URL + "/status/1"}})
			}
			result := run(t, i, nil)
			if result.Reason != c.reason || result.FailedStep != c.step {
				t.Errorf("%s at %s: %s; expected %s at %s", result.Reason, result.FailedStep, result.Detail, c.reason, c.step)
			}
		})
	}
}

func TestWhatThisWalletCannotDoIsNobodysFault(t *testing.T) {
	i := newIssuer(t, faults{metadata: set("credential_response_encryption", map[string]any{"encryption_required": true})})
	if result := run(t, i, nil); result.Verdict != verdict.Unknown || result.Reason != verdict.NoData {
		t.Errorf("%s: %s", result.Reason, result.Detail)
	}
}

func negative(t *testing.T, i *issuer, change func(*target.Credential)) probes.Result {
	t.Helper()
	probe, err := vci.NewNegative(i.config(change))
	if err != nil {
		t.Fatal(err)
	}
	return probe.Run(context.Background())
}

func strictNonces(c *target.Credential) { c.SingleUseNonce = true }

func TestARightIssuerRefusesEveryWrongRequest(t *testing.T) {
	result := negative(t, newIssuer(t, faults{}), strictNonces)
	if result.Reason != verdict.OK {
		t.Fatalf("%s at %s: %s", result.Reason, result.FailedStep, result.Detail)
	}
	if got := result.Figures["refusals_checked_total"]; got != 23 {
		t.Errorf("%g refusals were checked", got)
	}
	for _, step := range result.Steps {
		if step.Skipped != "" && step.Name != "nonce-stale" {
			t.Errorf("%s was skipped: %s", step.Name, step.Skipped)
		}
	}
}

func TestEachWrongRequestThatIsAcceptedIsReported(t *testing.T) {
	accepted := map[string]verdict.Reason{
		"proof-wrong-aud": verdict.Accepted, "proof-wrong-typ": verdict.Accepted, "proof-wrong-iss": verdict.Accepted,
		"proof-without-iat": verdict.Accepted, "proof-alg-none": verdict.Accepted, "proof-hmac": verdict.Accepted,
		"proof-tampered-signature": verdict.Accepted, "proof-private-key": verdict.Accepted, "proof-missing": verdict.Accepted,
		"nonce-wrong": verdict.Accepted, "nonce-missing": verdict.Accepted, "nonce-replayed": verdict.Replayed,
		"configuration-unknown": verdict.Accepted, "identifier-unknown": verdict.Accepted,
		"token-missing": verdict.Accepted, "token-tampered": verdict.Accepted, "token-foreign": verdict.Accepted,
		"token-in-query": verdict.Accepted, "token-of-another-scope": verdict.Accepted,
		"tx-code-missing": verdict.Accepted, "tx-code-wrong": verdict.Accepted, "code-replayed": verdict.Replayed,
	}
	for name, reason := range accepted {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := negative(t, newIssuer(t, faults{accept: map[string]bool{name: true}}), strictNonces)
			if result.Reason != reason || result.FailedStep != name {
				t.Errorf("%s at %s: %s; expected %s", result.Reason, result.FailedStep, result.Detail, reason)
			}
			if result.Steps[len(result.Steps)-1].Name != "code-replayed" {
				t.Errorf("the cases after %s were not tried", name)
			}
		})
	}
}

func TestARefusalInOtherWordsIsReported(t *testing.T) {
	result := negative(t, newIssuer(t, faults{refusal: "server_is_sad"}), nil)
	if result.Reason != verdict.Content || !strings.Contains(result.Detail, "server_is_sad") {
		t.Errorf("%s: %s", result.Reason, result.Detail)
	}
}

func TestRefusalsOfAnIssuerThatRefusesEverythingProveNothing(t *testing.T) {
	i := newIssuer(t, faults{metadata: set("nonce_endpoint", "")}) // and so no nonce is right
	result := negative(t, i, nil)
	if result.Verdict.Good() || result.FailedStep != "credential" {
		t.Errorf("%s at %s: %s", result.Reason, result.FailedStep, result.Detail)
	}
	if slices.Contains(names(result), "proof-wrong-aud") {
		t.Error("refusals were counted without a control")
	}
}

func TestAStaleNonceIsTriedOnceItIsOldEnough(t *testing.T) {
	i := newIssuer(t, faults{})
	cfg := i.config(func(c *target.Credential) { c.NonceLife = time.Minute })
	now := time.Now()
	cfg.Login.Now = func() time.Time { return now }
	probe, err := vci.NewNegative(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if result := probe.Run(context.Background()); result.Reason != verdict.OK {
		t.Fatalf("%s: %s", result.Reason, result.Detail)
	}
	i.mu.Lock()
	clear(i.nonces) // they have expired
	i.faults.accept = map[string]bool{"nonce-wrong": true}
	i.mu.Unlock()
	now = now.Add(2 * time.Minute)
	result := probe.Run(context.Background())
	if result.Reason != verdict.Accepted || !strings.Contains(result.Detail, "nonce-stale was accepted") {
		t.Errorf("%s at %s: %s", result.Reason, result.FailedStep, result.Detail)
	}
}
