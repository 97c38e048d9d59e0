package identity

import (
	"net/http"
	"time"

	"tocsin/system/identity/authorize"
	"tocsin/system/identity/login"
	"tocsin/system/identity/logout"
	"tocsin/system/identity/par"
	"tocsin/system/identity/wallet"
)

// front is where logins begin and end.
type front struct {
	routes    []route
	authorize *authorize.Service
	pushed    *par.Endpoint
	logout    *logout.Endpoint
	wallet    *wallet.Service
}

func (p *provider) front() (*front, error) {
	requests, err := par.NewRequests(p.secrets, time.Now)
	if err != nil {
		return nil, err
	}
	rules := authorize.Rules{Issuer: p.config.Issuer, Credentials: p.credentials.Set}
	f := &front{
		authorize: &authorize.Service{
			Clients: p.clients, Pushed: requests, Login: p.steps, Hints: p.verifier, Revocations: p.stores.revocations,
			Transactions: p.transactions, Keys: p.secrets, Rules: rules, Judge: p.judge,
			Life: p.config.Lifetimes.Transaction.Std(), Now: time.Now,
		},
		pushed: &par.Endpoint{
			Auth: p.auth, Proofs: p.proofs, Marks: p.stores.spent, Requests: requests, Rules: rules, Log: p.log,
		},
	}
	f.logout, err = logout.New(logout.Config{
		Clients: p.clients, Hints: p.verifier, Sessions: p.sessions, Revoker: p.stores.revocations, Keys: p.secrets,
		Judge: p.judge, Pages: p.pages, Issuer: p.config.Issuer, UIPath: p.config.UIPath,
		Life: p.config.Lifetimes.RefreshToken.Std(), Now: time.Now, Log: p.log,
	})
	if err != nil {
		return nil, err
	}
	f.wallet, err = wallet.New(p.stores.redis, p.stores.spent, p.steps, p.secrets, p.judge, p.config.Issuer+p.config.UIPath+"/wallet", time.Now)
	if err != nil {
		return nil, err
	}
	begin := &authorize.Endpoint{Service: f.authorize, Sessions: p.sessions, Pages: p.pages, UIPath: p.config.UIPath, Log: p.log}
	f.routes = []route{
		{"GET /authorize", "authorize", begin},
		{"POST /authorize", "authorize", begin},
		{"/par", "par", f.pushed},
		{"GET /logout", "logout", f.logout},
		{"POST /logout", "logout", f.logout},
	}
	return f, nil
}

// internal returns the steps of a login for the UI component.
func (p *provider) internal(f *front) http.Handler {
	api := &login.API{Service: p.steps, Transactions: p.transactions, Sessions: p.sessions, Logins: p.logins, Log: p.log}
	mux := http.NewServeMux()
	mux.Handle("/login/", p.requests.Measure("login-steps", api.Handler()))
	mux.Handle("/login/wallet/", p.requests.Measure("wallet-steps", wallet.Handler(f.wallet, api)))
	mux.Handle("/logout/", p.requests.Measure("logout-steps", f.logout.Handler()))
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return mux
}
