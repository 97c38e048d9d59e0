package identity

import (
	"fmt"
	"net/http"
	"os"
	"time"

	"tocsin/system/identity/store/postgres"
	"tocsin/system/identity/vci"
)

func (p *provider) makeCredentials() error {
	var attesters []byte
	if file := string(p.config.Credentials.Attesters); file != "" {
		var err error
		if attesters, err = os.ReadFile(file); err != nil {
			return fmt.Errorf("read trusted attesters: %w", err)
		}
	}
	var err error
	p.credentials, err = vci.New(vci.Config{
		Issuer: p.config.Issuer, Names: map[string]string{"en": p.config.Credentials.Organization},
		AttestationKeys: attesters, StatusFolder: string(p.config.Credentials.StatusLists),
	}, vci.Parts{
		Secrets: p.secrets, Guard: p.guard, Persons: p.tokens.Persons, People: p.people,
		Records: postgres.NewRecords(p.stores.db), Signer: p.signer, Keys: p.keys, Now: time.Now, Log: p.log,
	})
	return err
}

// credentialRoutes are where wallets and verifiers come.
func (p *provider) credentialRoutes() ([]route, error) {
	mux := http.NewServeMux()
	if err := p.credentials.Register(mux); err != nil {
		return nil, err
	}
	return []route{
		{"/vci/", "credential", mux},
		{"/status-lists/", "status-list", mux},
		{"GET /.well-known/openid-credential-issuer", "credential-issuer", mux},
		{"GET /.well-known/jwt-vc-issuer", "credential-issuer", mux},
	}, nil
}
