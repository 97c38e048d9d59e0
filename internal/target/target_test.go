package target_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/strictyaml"
	"tocsin/internal/target"
)

const whole = `version: 1
name: lab
issuer: https://localhost:8443/
tls: {ca_file: ca.pem}
client:
  id: tocsin-synthetic
  key_file: client.jwk
  redirect_uri: https://localhost:8443/synthetic/callback
  scopes: [openid, profile]
accounts:
  probe: {individual_id: "1000000001", secret_file: pin}
  load: {first: "0200", count: 3, secret_file: pin}
zones:
  - {name: a, url: https://localhost:8451}
injector: {kind: lab, socket: control.sock}
`

// folder holds the files that the target file names.
func folder(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"ca.pem": "no certificate", "client.jwk": "{}", "pin": "545411\r\n", "target.yaml": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "target.yaml")
}

func TestAWholeTargetFileIsLoaded(t *testing.T) {
	path := folder(t, whole)
	loaded, err := target.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Issuer != "https://localhost:8443" || loaded.Client.Auth != target.AuthPrivateKeyJWT || loaded.Login.Driver != target.DriverForm {
		t.Errorf("defaults are wrong: %+v", loaded)
	}
	for _, file := range []string{loaded.TLS.CAFile, loaded.Client.KeyFile, loaded.Accounts.Load.SecretFile, loaded.Injector.Socket} {
		if filepath.Dir(file) != filepath.Dir(path) {
			t.Errorf("%s does not start at the folder of the target file", file)
		}
	}
	if id, err := loaded.Accounts.Load.ID(2); err != nil || id != "0202" {
		t.Errorf("the third account is %q, %v", id, err)
	}
	if _, err := loaded.Accounts.Load.ID(3); err == nil {
		t.Error("the range has a fourth account")
	}
	if secret, err := target.ReadSecret(loaded.Accounts.Probe.SecretFile); err != nil || secret != "545411" {
		t.Errorf("secret %q, %v", secret, err)
	}
	if secrets, err := loaded.Secrets(); err != nil || len(secrets) != 1 || secrets[0] != "545411" {
		t.Errorf("secrets %q, %v: the PIN of all accounts is one, and the key has no private part", secrets, err)
	}
	if _, err := loaded.TLSConfig(); err == nil || !strings.Contains(err.Error(), "no PEM certificate") {
		t.Errorf("a file without certificate is trusted: %v", err)
	}
}

func TestWhatIsWrongInATargetFileIsNamedWithItsLine(t *testing.T) {
	cases := map[string]struct {
		old, new string
		line     int
		key      string
		want     string
	}{
		"a key that does not exist":            {"redirect_uri:", "redirct_uri:", 8, "client.redirct_uri", `did you mean "redirect_uri"?`},
		"a file that is missing":               {"client.jwk", "other.jwk", 7, "client.key_file", "no such file"},
		"a folder where a file belongs":        {"client.jwk", ".", 7, "client.key_file", "is not a file"},
		"another version":                      {"version: 1", "version: 2", 1, "version", "not supported"},
		"a name that is no file name":          {"name: lab", "name: ../lab", 2, "name", "is no name"},
		"an issuer in the clear":               {"https://localhost:8443/\n", "http://id.example.org\n", 3, "issuer", "not https"},
		"an issuer that is no URL":             {"https://localhost:8443/\n", "localhost\n", 3, "issuer", "not a URL"},
		"a client without id":                  {"id: tocsin-synthetic", "id:", 6, "client.id", "is missing"},
		"a way to authenticate nobody knows":   {"key_file: client.jwk", "key_file: client.jwk\n  auth: tls", 8, "client.auth", "private_key_jwt, client_secret_basic"},
		"a secret that nobody uses":            {"key_file: client.jwk", "key_file: client.jwk\n  auth: private_key_jwt\n  secret_file: pin", 9, "client.secret_file", "is not used by private_key_jwt"},
		"a key that nobody uses":               {"key_file: client.jwk", "key_file: client.jwk\n  auth: none", 7, "client.key_file", "is not used by none"},
		"a method without its secret":          {"key_file: client.jwk", "auth: client_secret_post", 6, "client.secret_file", "is missing"},
		"a logout that leads nowhere":          {"key_file: client.jwk", "key_file: client.jwk\n  post_logout_redirect_uri: /bye", 8, "client.post_logout_redirect_uri", "not an absolute URL"},
		"a service client that proves nothing": {"zones:\n", "service_client: {id: svc, auth: none}\nzones:\n", 13, "service_client.auth", "proves nothing"},
		"a resource that is no URI":            {"zones:\n", "service_client: {id: svc, secret_file: pin, resource: api}\nzones:\n", 13, "service_client.resource", "RFC 8707"},
		"an address to connect to, no port":    {"zones:\n", "connect_to: {\"localhost:8443\": localhost}\nzones:\n", 13, "connect_to.localhost:8443", "not host:port"},
		"a credential without configuration":   {"zones:\n", "credential: {format: mso_mdoc}\nzones:\n", 13, "credential.configuration_id", "is missing"},
		"a credential of an unknown format":    {"zones:\n", "credential: {configuration_id: id, format: vc+sd-jwt}\nzones:\n", 13, "credential.format", "choose from dc+sd-jwt"},
		"a code that nobody offers":            {"zones:\n", "credential: {configuration_id: id, grant: pre-authorized_code}\nzones:\n", 13, "credential.offer", "comes in an offer"},
		"two offers":                           {"zones:\n", "credential: {configuration_id: id, offer: {link_file: pin, url: \"https://a.example/o\"}}\nzones:\n", 13, "credential.offer.link_file", "one offer only"},
		"an offer asked for without JSON":      {"zones:\n", "credential: {configuration_id: id, offer: {url: \"https://a.example/o\", body: hello}}\nzones:\n", 13, "credential.offer.body", "is not JSON"},
		"an offer asked for nowhere":           {"zones:\n", "credential: {configuration_id: id, offer: {body: '{}'}}\nzones:\n", 13, "credential.offer.body", "not used"},
		"a driver nobody knows":                {"zones:\n", "login: {driver: browsr}\nzones:\n", 13, "login.driver", "choose from form, esignet, browser"},
		"a button for a driver that has none":  {"zones:\n", "login: {driver: form, fields: {submit: go}}\nzones:\n", 13, "login.fields.submit", "for the driver browser only"},
		"a feature nobody knows":               {"zones:\n", "features: [par, refersh]\nzones:\n", 13, "features[1]", "choose from par"},
		"a check nobody knows":                 {"zones:\n", "conformance: {accepted: [pkce-plane]}\nzones:\n", 13, "conformance.accepted[0]", `did you mean "pkce-plain"?`},
		"a promise about refresh nobody knows": {"zones:\n", "refresh: {rotation: always}\nzones:\n", 13, "refresh.rotation", "optional, required"},
		"a grace that is too long":             {"zones:\n", "refresh: {reuse_grace: 48h}\nzones:\n", 13, "refresh.reuse_grace", "not between"},
		"a grace without a meaning":            {"zones:\n", "refresh: {reuse: allowed, reuse_grace: 30s}\nzones:\n", 13, "refresh.reuse_grace", "no meaning"},
		"a feature twice":                      {"zones:\n", "features: [par, par]\nzones:\n", 13, "features[1]", "twice"},
		"a relative redirect URI":              {"https://localhost:8443/synthetic", "/synthetic", 8, "client.redirect_uri", "not an absolute URL"},
		"scopes without openid":                {"[openid, profile]", "[profile]", 9, "client.scopes", "lacks the scope openid"},
		"a load range that is no number":       {`"0200"`, `"2x"`, 12, "accounts.load.first", "not a number"},
		"a load range of nobody":               {"count: 3", "count: 0", 12, "accounts.load.count", "none"},
		"a zone twice":                         {"zones:\n", "zones:\n  - {name: a, url: https://localhost:1}\n", 15, "zones[1].name", "twice"},
		"an injector nobody knows":             {"kind: lab", "kind: monkey", 15, "injector.kind", "choose from lab"},
		"an injector without kind":             {"kind: lab, ", "", 15, "injector.kind", "is missing"},
		"an account that is no text but a map": {`"1000000001"`, "{}", 11, "accounts.probe.individual_id", "wants text"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			path := folder(t, strings.Replace(whole, tc.old, tc.new, 1))
			_, err := target.Load(path)
			var found *strictyaml.Error
			if !errors.As(err, &found) {
				t.Fatalf("got %v", err)
			}
			if found.File != path || found.Line != tc.line || found.Key != tc.key || !strings.Contains(found.Error(), tc.want) {
				t.Errorf("got  %s\nwant line %d, key %s, …%s…", found, tc.line, tc.key, tc.want)
			}
		})
	}
}

func TestTheMethodOfAClientFollowsFromItsFiles(t *testing.T) {
	loaded, err := target.Load(folder(t, strings.NewReplacer(
		"key_file: client.jwk", "secret_file: pin",
		"zones:\n", "service_client: {id: svc, key_file: client.jwk, scopes: [api]}\nconnect_to: {\"localhost:8443\": \"[::1]:9443\"}\nfeatures: [par]\nzones:\n",
	).Replace(whole)))
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Client.Auth != target.AuthClientSecretBasic || loaded.ServiceClient.Auth != target.AuthPrivateKeyJWT {
		t.Errorf("methods %q and %q", loaded.Client.Auth, loaded.ServiceClient.Auth)
	}
	if !filepath.IsAbs(loaded.Client.SecretFile) || !filepath.IsAbs(loaded.ServiceClient.KeyFile) {
		t.Errorf("files do not start at the folder: %+v, %+v", loaded.Client, loaded.ServiceClient)
	}
	if !loaded.Promises(target.FeaturePAR) || loaded.Promises(target.FeatureDPoP) || loaded.ConnectTo["localhost:8443"] != "[::1]:9443" {
		t.Errorf("features %v, connect to %v", loaded.Features, loaded.ConnectTo)
	}
}

func TestAnIssuerInTheClearIsWarnedAbout(t *testing.T) {
	loaded, err := target.Load(folder(t, strings.Replace(whole, "https://localhost:8443/\n", "http://127.0.0.1:8080/\n", 1)))
	if err != nil || len(loaded.Warnings()) != 1 || loaded.StatedIssuer != "http://127.0.0.1:8080/" {
		t.Errorf("warnings %v, stated issuer %q, %v", loaded.Warnings(), loaded.StatedIssuer, err)
	}
	if loaded, err = target.Load(folder(t, whole)); err != nil || len(loaded.Warnings()) != 0 {
		t.Errorf("warnings %v, %v", loaded.Warnings(), err)
	}
}

func TestHTTPIsAllowedToThisMachineOnly(t *testing.T) {
	for address, allowed := range map[string]bool{
		"http://127.0.0.1:8080": true, "http://localhost:8080": true, "http://[::1]:8080": true,
		"http://10.0.0.1": false, "http://localhost.example.org": false, "ftp://localhost": false,
	} {
		_, err := target.Load(folder(t, strings.Replace(whole, "https://localhost:8443/\n", address+"\n", 1)))
		if (err == nil) != allowed {
			t.Errorf("%s: %v", address, err)
		}
	}
}
