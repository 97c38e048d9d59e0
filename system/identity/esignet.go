package identity

import (
	"time"

	"tocsin/system/identity/clientadmin"
	"tocsin/system/identity/esignet"
)

// esignet is the interface of MOSIP eSignet on the same core.
func (p *provider) esignet(f *front, o *oauth) ([]route, error) {
	surface, err := esignet.New(esignet.Config{
		Requests: f.authorize, Steps: p.steps, Claims: p.people,
		Registrations: &clientadmin.Service{Store: p.stores.db},
		Guard:         p.guard, Clients: p.clients, Credentials: p.credentials.Set,
		Volatile: p.stores.redis, Attempts: p.stores.redis, Sealer: p.transactions,
		Token: o.token, PAR: f.pushed, Userinfo: o.userinfo, JWKS: o.jwks, Metadata: o.metadata,
		Issuer: p.config.Issuer, Legacy200: p.config.ESignet.Legacy200, Now: time.Now, Log: p.log,
	})
	if err != nil {
		return nil, err
	}
	return []route{{esignet.Prefix + "/", "esignet", surface}}, nil
}
