package keyset

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/protocol"
)

// Use is what a key signs.
type Use string

// The uses.
const (
	// Token: what clients verify with the JWK set.
	Token Use = "token"
	// Credential: what wallets show to verifiers, with an X.509 chain.
	Credential Use = "credential"
	// root signs the certificates of Credential keys.
	root Use = "credential-root"
)

// slot is what has one current key.
type slot struct {
	use       Use
	algorithm jose.SignatureAlgorithm
}

// slots returns all of them; the root comes before what it certifies.
func slots() []slot {
	return []slot{{Token, jose.ES256}, {Token, jose.PS256}, {Token, jose.RS256}, {root, jose.ES256}, {Credential, jose.ES256}}
}

// Config of a Set and a Keeper. All processes of an issuer need the same.
type Config struct {
	// Issuer is the URL of the issuer; it stands in certificates.
	Issuer string
	// Country and Organization stand in certificates: two letters of ISO
	// 3166-1, and a name.
	Country, Organization string
	// CRL is where the revocation list of the root is, empty for none.
	CRL string

	// MaxAge is how long clients may cache the JWK set; 5 minutes when zero. A
	// key is published for twice that before it signs.
	MaxAge time.Duration
	// Interval is the pause between looks at the ring; 10 s when zero.
	Interval time.Duration
	// Grace is how long a process may sign without having seen the ring; 24
	// hours when zero.
	Grace time.Duration
	// TokenPeriod and CredentialPeriod are how long a key is current; 30 and
	// 90 days when zero.
	TokenPeriod, CredentialPeriod time.Duration
	// TokenLife and CredentialLife are how long what was signed may be valid;
	// a day and 180 days when zero.
	TokenLife, CredentialLife time.Duration

	// Approved are the HSM nodes whose attestation makes a ring entry
	// believable. Without any, whoever writes the ring is believed.
	Approved protocol.Approved
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

const (
	day = 24 * time.Hour
	// rootLife is below the 20 years that ISO/IEC 18013-5, table B.1 allows.
	rootLife = 10 * 365 * day
	// signerLife is the longest that ISO/IEC 18013-5, table B.3 allows.
	signerLife = 457 * day
)

// check fills in defaults.
func (c *Config) check() error {
	for value, standard := range map[*time.Duration]time.Duration{
		&c.MaxAge: 5 * time.Minute, &c.Interval: 10 * time.Second, &c.Grace: day,
		&c.TokenPeriod: 30 * day, &c.CredentialPeriod: 90 * day, &c.TokenLife: day, &c.CredentialLife: 180 * day,
	} {
		if *value == 0 {
			*value = standard
		}
		if *value < 0 {
			return errors.New("keys: a time span is negative")
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if issuer, err := url.Parse(c.Issuer); err != nil || issuer.Host == "" {
		return fmt.Errorf("keys: issuer %q is not a URL", c.Issuer)
	}
	if len(c.Country) != 2 || c.Organization == "" {
		return errors.New("keys: certificates need a country of two letters and an organization")
	}
	if life := c.validity(); life > signerLife {
		return fmt.Errorf("keys: a certificate would be valid for %s, and ISO/IEC 18013-5 allows %s: shorten the credentials' period or life", life, signerLife)
	}
	return nil
}

// ahead is how long a key is published before it becomes current: twice as long
// as clients cache, and one more look of the slowest process.
func (c *Config) ahead() time.Duration { return 2*c.MaxAge + c.Interval }

// soon is how long an urgent key is published before it becomes current, and how
// old the view of a process may be that is sure to know it: two pauses, and what
// the look between them may take.
func (c *Config) soon() time.Duration { return 2*c.Interval + lookLimit }

func (c *Config) period(use Use) time.Duration {
	switch use {
	case Token:
		return c.TokenPeriod
	case Credential:
		return c.CredentialPeriod
	default:
		return rootLife - 2*c.validity()
	}
}

func (c *Config) life(use Use) time.Duration {
	switch use {
	case Token:
		return c.TokenLife
	case Credential:
		return c.CredentialLife
	default:
		return c.validity()
	}
}

// validity of a signer's certificate: to the end of what it signs last. An hour
// more covers that turning over takes a while.
func (c *Config) validity() time.Duration {
	return c.ahead() + c.CredentialPeriod + c.Grace + c.CredentialLife + clockSkew + time.Hour
}

const (
	// clockSkew is how far a verifier's clock may be behind.
	clockSkew = 5 * time.Minute
	// backdated is how long before it was made a certificate begins: what is
	// signed at once may say that it was signed at the full hour before.
	backdated = time.Hour + clockSkew
)
