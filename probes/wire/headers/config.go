package headers

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"tocsin/internal/reach"
	"tocsin/internal/strictyaml"
)

// PolicyStrict is the only policy: exceptions are made by name, a route at a
// time, so that each of them can be read in the plan.
const PolicyStrict = "strict"

// Config of a header check, as it stands in a plan file.
type Config struct {
	// URL is where the routes start, such as https://id.example.org.
	URL string `yaml:"url"`
	// Policy is strict.
	Policy string `yaml:"policy"`
	// Routes to ask. Without any, the page at / is asked.
	Routes []Route `yaml:"routes"`
	// ErrorPages adds a path that does not exist and a method that no route
	// has. Default true.
	ErrorPages *bool `yaml:"error_pages"`
	// Except names rules that hold on no route.
	Except []string `yaml:"except"`
	Limits `yaml:",inline"`
}

// Limits are the numbers of the policy.
type Limits struct {
	// HSTSMaxAge is the least max-age. Default 365 days.
	HSTSMaxAge time.Duration `yaml:"hsts_max_age"`
	// HSTSHostOnly lets includeSubDomains be missing.
	HSTSHostOnly bool `yaml:"hsts_host_only"`
	// Permissions demands a Permissions-Policy on pages.
	Permissions bool `yaml:"permissions_policy"`
	// ScriptCookies are cookies that scripts must read: they may lack HttpOnly.
	ScriptCookies []string `yaml:"script_cookies"`
}

// ScriptCookie reports whether the cookie may lack HttpOnly.
func (l Limits) ScriptCookie(name string) bool { return slices.Contains(l.ScriptCookies, name) }

// Route is one request and what is demanded of its answer.
type Route struct {
	// Path with its query, or a whole address.
	Path string `yaml:"path"`
	// Method is GET by default.
	Method string `yaml:"method"`
	// Headers and Body to send. Secrets do not belong here.
	Headers map[string]string `yaml:"headers"`
	Body    string            `yaml:"body"`
	// Status that the answer must have, so that a 404 is not judged in place of
	// the page. Without it, any below 400.
	Status []int `yaml:"status"`
	// Token says that the answer has a secret in it and must not be kept.
	// Answers with an access_token and the like are known by themselves.
	Token bool `yaml:"token"`
	// Except names rules that do not hold here.
	Except []string `yaml:"except"`
}

// Resolve does nothing: the configuration names no files.
func (c *Config) Resolve(string) {}

const year = 365 * 24 * time.Hour

// Check fills defaults in and reports what is wrong.
func (c *Config) Check(report strictyaml.Report) {
	if c.Policy == "" {
		c.Policy = PolicyStrict
	}
	if c.Policy != PolicyStrict {
		report("policy", fmt.Sprintf("unknown policy %q", c.Policy), "write policy: strict, and name what must not hold under except")
	}
	if c.HSTSMaxAge == 0 {
		c.HSTSMaxAge = year
	}
	if c.HSTSMaxAge < 0 {
		report("hsts_max_age", "is negative", "write a time such as 8760h")
	}
	if c.ErrorPages == nil {
		yes := true
		c.ErrorPages = &yes
	}
	if len(c.Routes) == 0 {
		c.Routes = []Route{{Path: "/"}}
	}
	c.checkURL(report)
	checkExcept("except", c.Except, report)
	for i := range c.Routes {
		c.Routes[i].check(fmt.Sprintf("routes[%d]", i), report)
	}
}

func (c *Config) checkURL(report strictyaml.Report) {
	parsed, err := url.Parse(c.URL)
	switch {
	case c.URL == "":
		report("url", "is missing", "write the address that the routes start at, such as https://id.example.org")
	case err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https":
		report("url", fmt.Sprintf("%q is no http or https address", c.URL), "")
	case parsed.Scheme == "http" && !reach.OnThisMachine(parsed.Hostname()):
		report("url", "is plain http, where no security header protects anybody", "write https")
	case parsed.RawQuery != "" || parsed.Fragment != "" || parsed.User != nil:
		report("url", "has more than a scheme, a host and a path", "queries belong to routes")
	}
}

func (r *Route) check(key string, report strictyaml.Report) {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if !httpguts.ValidHeaderFieldName(r.Method) || r.Method != strings.ToUpper(r.Method) {
		report(key+".method", fmt.Sprintf("%q is no method", r.Method), "write it in capitals, such as POST")
	}
	if _, err := r.address("https://host"); r.Path == "" || err != nil {
		report(key+".path", fmt.Sprintf("%q is no path", r.Path), "write a path such as /login")
	}
	for name, value := range r.Headers {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			report(key+".headers", fmt.Sprintf("%q is no header", name), "")
		}
	}
	for _, status := range r.Status {
		if status < 200 || status > 599 {
			report(key+".status", fmt.Sprintf("%d is no status of an answer", status), "")
		}
	}
	checkExcept(key+".except", r.Except, report)
}

func checkExcept(key string, names []string, report strictyaml.Report) {
	for _, name := range names {
		if slices.Contains(ruleNames(), name) {
			continue
		}
		hint := "choose from " + strings.Join(ruleNames(), ", ")
		if near := strictyaml.Nearest(name, ruleNames()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		report(key, fmt.Sprintf("unknown rule %q", name), hint)
	}
}

// address of the route below base.
func (r *Route) address(base string) (*url.URL, error) {
	path, err := url.Parse(r.Path)
	if err != nil {
		return nil, fmt.Errorf("path of route: %w", err)
	}
	if path.IsAbs() {
		return path, nil
	}
	root, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("url of routes: %w", err)
	}
	root.Path = strings.TrimSuffix(root.Path, "/") + "/" + strings.TrimPrefix(path.Path, "/")
	root.RawQuery = path.RawQuery
	return root, nil
}

// name of the route as a step.
func (r *Route) name() string {
	path, _, _ := strings.Cut(r.Path, "?")
	return r.Method + " " + path
}
