package target

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
)

// Ways in which a client proves who it is (OpenID Connect Core, section 9).
const (
	AuthPrivateKeyJWT     = "private_key_jwt"
	AuthClientSecretBasic = "client_secret_basic"
	AuthClientSecretPost  = "client_secret_post"
	// AuthNone is a public client: it only says who it is.
	AuthNone = "none"
)

// Client is the OAuth client that Tocsin is registered as.
type Client struct {
	ID   string `yaml:"id"`
	Auth string `yaml:"auth"`
	// KeyFile holds the private JWK of private_key_jwt, SecretFile the secret
	// of the two methods that send one.
	KeyFile     string   `yaml:"key_file"`
	SecretFile  string   `yaml:"secret_file"`
	RedirectURI string   `yaml:"redirect_uri"`
	Scopes      []string `yaml:"scopes"`
	// PostLogoutRedirectURI is where a logout leads; empty where none is
	// registered.
	PostLogoutRedirectURI string `yaml:"post_logout_redirect_uri"`
}

// ServiceClient is a client that gets tokens for itself, without a person
// (client credentials, RFC 6749, section 4.4).
type ServiceClient struct {
	ID         string   `yaml:"id"`
	Auth       string   `yaml:"auth"`
	KeyFile    string   `yaml:"key_file"`
	SecretFile string   `yaml:"secret_file"`
	Scopes     []string `yaml:"scopes"`
	// Audience and Resource (RFC 8707) say whom the token is for, in the words
	// that the provider knows; both may be empty.
	Audience string `yaml:"audience"`
	Resource string `yaml:"resource"`
}

// Credentials are what a client proves itself with.
type Credentials struct {
	ID, Auth, KeyFile, SecretFile string
}

// Credentials of the client.
func (c Client) Credentials() Credentials {
	return Credentials{ID: c.ID, Auth: c.Auth, KeyFile: c.KeyFile, SecretFile: c.SecretFile}
}

// Credentials of the client.
func (c ServiceClient) Credentials() Credentials {
	return Credentials{ID: c.ID, Auth: c.Auth, KeyFile: c.KeyFile, SecretFile: c.SecretFile}
}

// defaultAuth is the method that follows from the files a client has.
func defaultAuth(auth, secretFile string) string {
	switch {
	case auth != "":
		return auth
	case secretFile != "":
		return AuthClientSecretBasic
	}
	return AuthPrivateKeyJWT
}

func (c *checker) client(client Client) {
	c.credentials("client", client.Credentials())
	parsed, err := url.Parse(client.RedirectURI)
	switch {
	case client.RedirectURI == "":
		c.report("client.redirect_uri", "is missing", "")
	case err != nil || !parsed.IsAbs():
		c.report("client.redirect_uri", fmt.Sprintf("%q is not an absolute URL", client.RedirectURI), "")
	case parsed.Fragment != "":
		c.report("client.redirect_uri", "must have no fragment (RFC 6749, section 3.1.2)", "")
	}
	if address := client.PostLogoutRedirectURI; address != "" {
		if parsed, err := url.Parse(address); err != nil || !parsed.IsAbs() {
			c.report("client.post_logout_redirect_uri", fmt.Sprintf("%q is not an absolute URL", address), "")
		}
	}
	if !slices.Contains(client.Scopes, "openid") {
		c.report("client.scopes", "lacks the scope openid, so no ID token would be issued", "")
	}
}

func (c *checker) serviceClient(client ServiceClient) {
	if !c.document.Has("service_client") {
		return
	}
	c.credentials("service_client", client.Credentials())
	if client.Auth == AuthNone {
		c.report("service_client.auth", "a client that proves nothing gets no token for itself (RFC 6749, section 4.4)", "")
	}
	if client.Resource == "" {
		return
	}
	parsed, err := url.Parse(client.Resource)
	if err != nil || !parsed.IsAbs() || parsed.Fragment != "" {
		c.report("service_client.resource", fmt.Sprintf("%q is not an absolute URI without a fragment (RFC 8707, section 2)", client.Resource), "")
	}
}

// credentials demands the file that the method needs, and none that it would
// not use: a secret that nobody uses is one that somebody believes in.
func (c *checker) credentials(key string, client Credentials) {
	c.required(key+".id", client.ID)
	c.choice(key+".auth", client.Auth, AuthPrivateKeyJWT, AuthClientSecretBasic, AuthClientSecretPost, AuthNone)
	usesKey := client.Auth == AuthPrivateKeyJWT
	usesSecret := client.Auth == AuthClientSecretBasic || client.Auth == AuthClientSecretPost
	c.file(key+".key_file", client.KeyFile, usesKey)
	c.file(key+".secret_file", client.SecretFile, usesSecret)
	if client.KeyFile != "" && !usesKey {
		c.report(key+".key_file", "is not used by "+client.Auth, "write auth: "+AuthPrivateKeyJWT+", or take the key out")
	}
	if client.SecretFile != "" && !usesSecret {
		c.report(key+".secret_file", "is not used by "+client.Auth, "write auth: "+AuthClientSecretBasic+", or take the secret out")
	}
}

// connectTo demands host:port on both sides.
func (c *checker) connectTo(addresses map[string]string) {
	for from, to := range addresses {
		for _, address := range []string{from, to} {
			if !isHostPort(address) {
				c.report("connect_to."+from, fmt.Sprintf("%q is not host:port", address), `write it like "id.example.org:443": "10.0.0.7:8443"`)
			}
		}
	}
}

func isHostPort(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return false
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return err == nil && number > 0
}
