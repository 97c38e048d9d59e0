package target

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tocsin/internal/strictyaml"
)

const version = 1

// Load reads and checks the target file at path. Relative paths in it start at
// its folder; in the result they are absolute. All that is wrong is reported
// at once, each finding an *strictyaml.Error.
func Load(path string) (*Target, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read target file: %w", err)
	}
	var loaded Target
	document, err := strictyaml.Parse(path, data, &loaded)
	if err != nil {
		return nil, err
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("resolve folder of target file: %w", err)
	}
	loaded.defaults()
	loaded.resolve(folder)
	check := checker{document: document}
	check.target(&loaded)
	if err := errors.Join(check.problems...); err != nil {
		return nil, err
	}
	return &loaded, nil
}

func (t *Target) defaults() {
	t.StatedIssuer = t.Issuer
	t.Issuer = strings.TrimSuffix(t.Issuer, "/")
	t.Client.Auth = defaultAuth(t.Client.Auth, t.Client.SecretFile)
	t.ServiceClient.Auth = defaultAuth(t.ServiceClient.Auth, t.ServiceClient.SecretFile)
	t.Credential.defaults(t.Issuer)
	t.Refresh.defaults()
	if len(t.Client.Scopes) == 0 {
		t.Client.Scopes = []string{"openid"}
	}
	t.Login.defaults(t.Accounts.Probe.SecretFile != "")
}

func (t *Target) resolve(folder string) {
	for _, path := range append(t.Login.files(),
		&t.TLS.CAFile, &t.Client.KeyFile, &t.Client.SecretFile, &t.ServiceClient.KeyFile, &t.ServiceClient.SecretFile, &t.Accounts.Probe.SecretFile, &t.Accounts.Load.SecretFile,
		&t.Prometheus.RulesFile, &t.Alertmanager.ConfigFile, &t.Injector.Socket, &t.Plan,
		&t.Credential.RootsFile, &t.Credential.Offer.LinkFile, &t.Visual.ChecksFile, &t.Visual.Baselines,
	) {
		if *path != "" && !filepath.IsAbs(*path) && !InBucket(*path) {
			*path = filepath.Join(folder, *path)
		}
	}
}

// checker collects what is wrong with the values of a target file.
type checker struct {
	document *strictyaml.Document
	problems []error
}

func (c *checker) report(key, problem, hint string) {
	c.problems = append(c.problems, c.document.Problem(key, problem, hint))
}

func (c *checker) target(t *Target) {
	if t.Version != version {
		c.report("version", fmt.Sprintf("version %d is not supported", t.Version), fmt.Sprintf("write version: %d", version))
	}
	c.name("name", t.Name)
	c.url("issuer", t.Issuer, true)
	c.file("tls.ca_file", t.TLS.CAFile, false)
	c.client(t.Client)
	c.serviceClient(t.ServiceClient)
	c.connectTo(t.ConnectTo)
	c.features(t.Features)
	c.refresh(t.Refresh)
	c.conformance(t.Conformance)
	c.accounts(t.Accounts, t.Login.Method)
	c.login(&t.Login)
	c.credential(t.Credential)
	c.zones(t.Zones)
	c.file("plan", t.Plan, false)
	c.file("visual.checks_file", t.Visual.ChecksFile, false)
	c.url("prometheus.url", t.Prometheus.URL, false)
	c.url("alertmanager.url", t.Alertmanager.URL, false)
	if t.Injector.Kind == "" && c.document.Has("injector") {
		c.report("injector.kind", "is missing", "write kind: "+InjectorLab)
		return
	}
	if t.Injector.Kind != "" {
		c.choice("injector.kind", t.Injector.Kind, InjectorLab)
		c.required("injector.socket", t.Injector.Socket)
	}
}

func (c *checker) accounts(accounts Accounts, method string) {
	c.required("accounts.probe.individual_id", accounts.Probe.IndividualID)
	c.file("accounts.probe.secret_file", accounts.Probe.SecretFile, method != MethodOTP)
	if !c.document.Has("accounts.load") {
		return
	}
	first, err := strconv.ParseUint(accounts.Load.First, 10, 64)
	if err != nil {
		c.report("accounts.load.first", fmt.Sprintf("%q is not a number of at most 19 digits", accounts.Load.First), "")
	}
	if accounts.Load.Count < 1 {
		c.report("accounts.load.count", fmt.Sprintf("%d accounts are none", accounts.Load.Count), "")
	} else if first > 1<<63 {
		c.report("accounts.load.first", "the range leaves the 64-bit numbers", "")
	}
	c.file("accounts.load.secret_file", accounts.Load.SecretFile, true)
}

func (c *checker) zones(zones []Zone) {
	seen := make(map[string]bool, len(zones))
	for index, zone := range zones {
		key := fmt.Sprintf("zones[%d]", index)
		c.name(key+".name", zone.Name)
		if seen[zone.Name] {
			c.report(key+".name", fmt.Sprintf("zone %q is there twice", zone.Name), "")
		}
		seen[zone.Name] = true
		c.url(key+".url", zone.URL, true)
	}
}

func (c *checker) required(key, value string) {
	if value == "" {
		c.report(key, "is missing", "")
	}
}

// name accepts what is safe as a folder, a metric label and a probe's name.
func (c *checker) name(key, value string) {
	if value == "" {
		c.report(key, "is missing", "")
		return
	}
	allowed := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_'
	}
	if len(value) > 64 || strings.ContainsFunc(value, func(r rune) bool { return !allowed(r) }) {
		c.report(key, fmt.Sprintf("%q is no name", value), "use up to 64 of a-z, 0-9, - and _")
	}
}

func (c *checker) choice(key, value string, choices ...string) {
	if slices.Contains(choices, value) {
		return
	}
	c.report(key, fmt.Sprintf("%q is not known", value), "choose from "+strings.Join(choices, ", "))
}

func (c *checker) file(key, path string, required bool) {
	if path == "" {
		if required {
			c.report(key, "is missing", "")
		}
		return
	}
	info, err := os.Stat(path)
	if err != nil {
		c.report(key, fmt.Sprintf("file cannot be used: %v", err), "")
		return
	}
	if !info.Mode().IsRegular() {
		c.report(key, fmt.Sprintf("%s is not a file", path), "")
	}
}

// url demands TLS except on this machine: a login must not cross a network in
// the clear.
func (c *checker) url(key, value string, required bool) {
	if value == "" {
		if required {
			c.report(key, "is missing", "")
		}
		return
	}
	if problem, hint := checkURL(value); problem != "" {
		c.report(key, problem, hint)
	}
}

func checkURL(value string) (problem, hint string) {
	parsed, err := url.Parse(value)
	switch {
	case err != nil || parsed.Host == "":
		return fmt.Sprintf("%q is not a URL", value), "write it like https://id.example.org"
	case parsed.RawQuery != "" || parsed.Fragment != "":
		return "must have no query and no fragment", ""
	case parsed.Scheme == "https", parsed.Scheme == "http" && loopback(parsed.Hostname()):
		return "", ""
	}
	return fmt.Sprintf("scheme %q is not https", parsed.Scheme), "only this machine may be reached by http"
}

// CheckIssuer reports what is wrong with an issuer, in the words that Load has
// for it.
func CheckIssuer(value string) error {
	problem, hint := checkURL(value)
	if problem == "" {
		return nil
	}
	return errors.New(strings.TrimSuffix(problem+"; "+hint, "; "))
}

func loopback(host string) bool {
	address := net.ParseIP(host)
	return host == "localhost" || address != nil && address.IsLoopback()
}
