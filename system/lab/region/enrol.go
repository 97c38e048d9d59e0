package region

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/clients"
	"tocsin/system/lab/topology"
)

// ProbeAccount is the person that the harness and people log in as, and PINFile
// the file of the state folder with the PIN of every person of the lab.
const (
	ProbeAccount = "1000000001"
	PINFile      = "pin"
	personsFile  = "persons.json"
)

// The synthetic client and the range of persons that load logs in as.
const (
	clientID     = "tocsin-synthetic"
	firstLoad    = "2000000000"
	loadAccounts = 2000
	// preAuthorizedCode is the grant of credential offers (OpenID4VCI 1.0, 4.1.1).
	preAuthorizedCode = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
)

// person is one of the mock ID system.
type person struct {
	IndividualID string         `json:"individual_id"`
	PIN          string         `json:"pin"`
	Email        string         `json:"email"`
	Phone        string         `json:"phone"`
	Claims       map[string]any `json:"claims"`
}

// persons is the file of the mock ID system.
type persons struct {
	Persons []person      `json:"persons"`
	Ranges  []personRange `json:"ranges"`
}

type personRange struct {
	First string `json:"first"`
	Count int    `json:"count"`
	PIN   string `json:"pin"`
}

// enrol draws the synthetic client's key and the PIN of the lab's persons, and
// writes both for the harness; the clients as seed.json for the provider; and
// the persons for the mock ID system.
func (r *Region) enrol() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("generate client key: %w", err)
	}
	private := jose.JSONWebKey{Key: key, KeyID: clientID + "-1", Algorithm: string(jose.ES256), Use: "sig"}
	digits, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return fmt.Errorf("draw PIN: %w", err)
	}
	pin := fmt.Sprintf("%06d", digits)
	keyText, keyErr := json.Marshal(private)
	seedText, seedErr := json.Marshal(map[string]any{"clients": r.clients(private.Public())})
	personsText, personsErr := json.Marshal(people(pin))
	if err := errors.Join(keyErr, seedErr, personsErr); err != nil {
		return fmt.Errorf("encode what the lab knows: %w", err)
	}
	for name, content := range map[string][]byte{
		"client.jwk": keyText, PINFile: []byte(pin + "\n"), "seed.json": seedText, personsFile: personsText,
	} {
		if err := os.WriteFile(rootInside+"/"+name, content, 0o600); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// clients are the harness's own client and a wallet.
func (r *Region) clients(key jose.JSONWebKey) []clients.Client {
	return []clients.Client{
		{
			ID: clientID, Name: "Tocsin synthetic logins",
			RedirectURIs:           []string{r.order.Issuer + "/synthetic/callback"},
			PostLogoutRedirectURIs: []string{r.order.Issuer + "/synthetic/goodbye"},
			Keys:                   jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}},
			Scopes: []string{
				"openid", "profile", "email", "phone", "address", "offline_access", "grant_management_query",
				"credential_offer", "credential_revocation", "add_oidc_client", "update_oidc_client",
				"national_id_sd_jwt", "national_id_jwt_vc", "national_id_mdoc",
			},
			GrantTypes: []string{"authorization_code", "refresh_token", "client_credentials", preAuthorizedCode},
		},
		{
			ID: "tocsin-wallet", Name: "Tocsin synthetic wallet", AuthMethod: clients.Public,
			RedirectURIs: []string{r.order.Issuer + "/synthetic/wallet"},
			Scopes:       []string{"openid", "national_id_sd_jwt", "national_id_jwt_vc", "national_id_mdoc", "national_id_reviewed"},
			GrantTypes:   []string{"authorization_code", "refresh_token", preAuthorizedCode},
		},
	}
}

func people(pin string) persons {
	return persons{
		Persons: []person{{
			IndividualID: ProbeAccount, PIN: pin, Email: "ada.sounder@example.org", Phone: "+4791000001",
			Claims: map[string]any{
				"name": "Ada Sounder", "given_name": "Ada", "family_name": "Sounder", "birthdate": "1990-01-01", "gender": "female",
				"address": map[string]any{"formatted": "Klokkegata 1, 0155 Oslo", "country": "NO"},
			},
		}},
		Ranges: []personRange{{First: firstLoad, Count: loadAccounts, PIN: pin}},
	}
}

// introduce gives every zone's mock ID system the same persons and one secret.
func (r *Region) introduce() error {
	everybody, err := os.ReadFile(rootInside + "/" + personsFile)
	if err != nil {
		return fmt.Errorf("read persons: %w", err)
	}
	key, err := random(32)
	if err != nil {
		return err
	}
	for _, zone := range topology.Zones() {
		dir := r.site.Dir(topology.Pod{Zone: zone, Component: topology.Identity})
		for name, content := range map[string][]byte{personsFile: everybody, "mock-id.secret": key} {
			if err := os.WriteFile(dir+"/"+name, content, 0o600); err != nil {
				return fmt.Errorf("write %s of zone %s: %w", name, zone, err)
			}
		}
	}
	return nil
}

// digest returns the SHA-256 of a file, in hexadecimal.
func digest(path string) (_ string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("take digest: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("take digest of %s: %w", path, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
