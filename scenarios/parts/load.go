package parts

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"tocsin/internal/target"
	"tocsin/internal/telemetry"
	"tocsin/scenarios/ledger"
	"tocsin/scenarios/load"
	"tocsin/scenarios/load/k6"
	"tocsin/scenarios/provider"
)

// Load makes the people of the target's load range log in, by k6.
type Load struct {
	Target *target.Target
	// Binary is the path of k6.
	Binary string
	HTTP   *http.Client
	// Folder for work files; the system's temporary one if empty.
	Folder string
}

// Run discovers the target's endpoints and performs plan.
func (l Load) Run(ctx context.Context, plan load.Plan, observe func(load.Login)) (load.End, error) {
	client, err := discover(ctx, l.Target, l.HTTP, plan.RunID)
	if err != nil {
		return load.End{}, err
	}
	runner, err := k6.New(k6.Config{Binary: l.Binary, Folder: l.Folder, Login: l.login(client.Metadata)})
	if err != nil {
		return load.End{}, err
	}
	return runner.Run(ctx, plan, observe)
}

func (l Load) login(metadata provider.Metadata) k6.Login {
	t := l.Target
	return k6.Login{
		Issuer: metadata.Issuer, Authorization: metadata.Authorization, Token: metadata.Token, Userinfo: metadata.Userinfo,
		ClientID: t.Client.ID, KeyFile: t.Client.KeyFile, RedirectURI: t.Client.RedirectURI, Scopes: t.Client.Scopes,
		First: t.Accounts.Load.First, Count: t.Accounts.Load.Count, SecretFile: t.Accounts.Load.SecretFile,
		IndividualField: t.Login.Fields.IndividualID, SecretField: t.Login.Fields.Secret,
		CAFile: t.TLS.CAFile, UserAgent: telemetry.UserAgent,
	}
}

func discover(ctx context.Context, t *target.Target, client *http.Client, runID string) (*provider.Client, error) {
	return provider.Discover(ctx, provider.Config{
		Issuer: t.Issuer, ClientID: t.Client.ID, KeyFile: t.Client.KeyFile,
		RedirectURI: t.Client.RedirectURI, RunID: runID, HTTP: client,
	})
}

// Auditor reads acknowledgements back through the target's public endpoints.
type Auditor struct {
	Target *target.Target
	HTTP   *http.Client
	RunID  string
}

// Audit reads entries back.
func (a Auditor) Audit(ctx context.Context, entries []ledger.Entry, within time.Duration) (ledger.Audit, error) {
	client, err := discover(ctx, a.Target, a.HTTP, a.RunID)
	if err != nil {
		return ledger.Audit{}, fmt.Errorf("audit ledger: %w", err)
	}
	auditor := ledger.Auditor{Book: ledger.NewPublicBook(client), Deadline: within}
	return auditor.Audit(ctx, entries)
}
