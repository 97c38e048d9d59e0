package httpcheck

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/theory/jsonpath"
	"golang.org/x/net/http/httpguts"

	"tocsin/internal/strictyaml"
)

const (
	maxRedirects = 20
	maxMaxBytes  = 64 << 20
)

// Check reports all that is wrong with the values of c.
func (c *Config) Check(report strictyaml.Report) {
	c.checkAddress(report)
	if c.Method != "" && (!httpguts.ValidHeaderFieldName(c.Method) || c.Method != strings.ToUpper(c.Method)) {
		report("method", fmt.Sprintf("%q is no method", c.Method), "write it in capitals, such as "+http.MethodPost)
	}
	c.checkHeaders(report)
	if c.Body != "" && c.BodyFile != "" {
		report("body_file", "stands beside body", "keep one of them")
	}
	checkFile(report, "body_file", c.BodyFile)
	c.TLS.Check(strictyaml.Under("tls", report))
	if c.Redirects < 0 || c.Redirects > maxRedirects {
		report("redirects", fmt.Sprintf("%d is outside 0 to %d", c.Redirects, maxRedirects), "")
	}
	if c.Attempts < 0 || c.Attempts > 5 {
		report("attempts", fmt.Sprintf("%d is outside 1 to 5", c.Attempts), "")
	}
	c.Expect.check(strictyaml.Under("expect", report))
}

func (c *Config) checkAddress(report strictyaml.Report) {
	if c.URL == "" {
		report("url", "is missing", "")
		return
	}
	address, err := url.Parse(c.URL)
	switch {
	case err != nil:
		report("url", "is no address: "+strings.TrimPrefix(err.Error(), "parse "), "")
	case address.Scheme != "http" && address.Scheme != "https":
		report("url", fmt.Sprintf("%q starts with neither http:// nor https://", c.URL), "")
	case address.Hostname() == "":
		report("url", fmt.Sprintf("%q names no host", c.URL), "")
	case address.User != nil:
		report("url", "has a user name or password in it", "put the header Authorization into header_files")
	}
}

func (c *Config) checkHeaders(report strictyaml.Report) {
	for _, name := range sortedKeys(c.Headers) {
		checkHeader(report, "headers."+name, name)
		if !httpguts.ValidHeaderFieldValue(c.Headers[name]) {
			report("headers."+name, "has a value that no header may have", "")
		}
		if slices.Contains([]string{"Authorization", "Cookie", "Proxy-Authorization"}, http.CanonicalHeaderKey(name)) {
			report("headers."+name, "is a secret", "put the value into a file and name it in header_files")
		}
	}
	for _, name := range sortedKeys(c.HeaderFiles) {
		checkHeader(report, "header_files."+name, name)
		if c.HeaderFiles[name] == "" {
			report("header_files."+name, "names no file", "")
		}
		checkFile(report, "header_files."+name, c.HeaderFiles[name])
	}
}

func checkHeader(report strictyaml.Report, key, name string) {
	if !httpguts.ValidHeaderFieldName(name) {
		report(key, fmt.Sprintf("%q is no name of a header", name), "")
	}
	switch http.CanonicalHeaderKey(name) {
	case "Content-Length", "Transfer-Encoding", "Connection", "Trailer", "Upgrade":
		report(key, "is set by the connection itself", "remove it")
	}
}

func checkFile(report strictyaml.Report, key, path string) {
	if path == "" {
		return
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		report(key, fmt.Sprintf("file cannot be used: %v", err), "")
	case !info.Mode().IsRegular():
		report(key, path+" is not a file", "")
	}
}

func (e *Expect) check(report strictyaml.Report) {
	for index, status := range e.Status {
		if _, err := parseStatus(status); err != nil {
			report(fmt.Sprintf("status[%d]", index), err.Error(), "write a code such as 204 or a class such as 2xx")
		}
	}
	if e.MaxTime < 0 {
		report("max_time", "is negative", "")
	}
	if e.MaxBytes < 0 || e.MaxBytes > maxMaxBytes {
		report("max_bytes", fmt.Sprintf("%d is outside 1 to %d", e.MaxBytes, maxMaxBytes), "")
	}
	if e.CertificateDays < 0 {
		report("certificate_days", "is negative", "")
	}
	for index, assertion := range e.Headers {
		assertion.check(strictyaml.Under(fmt.Sprintf("headers[%d]", index), report))
	}
	for index, assertion := range e.Body {
		assertion.check(strictyaml.Under(fmt.Sprintf("body[%d]", index), report))
	}
	for index, assertion := range e.JSON {
		assertion.check(strictyaml.Under(fmt.Sprintf("json[%d]", index), report))
	}
}

func (h HeaderAssertion) check(report strictyaml.Report) {
	if !httpguts.ValidHeaderFieldName(h.Name) {
		report("name", fmt.Sprintf("%q is no name of a header", h.Name), "")
	}
	checkPattern(report, "matches", h.Matches)
	if count(h.Equals != nil, h.Matches != "", h.Absent) != 1 {
		report("", "promises not exactly one thing", "write one of equals, matches, absent")
	}
}

func (b BodyAssertion) check(report strictyaml.Report) {
	checkPattern(report, "matches", b.Matches)
	checkPattern(report, "lacks", b.Lacks)
	if count(b.Matches != "", b.Lacks != "") != 1 {
		report("", "promises not exactly one thing", "write one of matches, lacks")
	}
}

func (j JSONAssertion) check(report strictyaml.Report) {
	if _, err := jsonpath.Parse(j.Path); err != nil {
		report("path", fmt.Sprintf("is no JSONPath (RFC 9535): %v", err), "")
	}
	checkPattern(report, "matches", j.Matches)
	if !j.Equals.IsZero() {
		if _, err := plain(&j.Equals); err != nil {
			report("equals", err.Error(), "")
		}
	}
	if j.Count != nil && *j.Count < 0 {
		report("count", "is negative", "")
	}
	if count(!j.Equals.IsZero(), j.Matches != "", j.Min != nil || j.Max != nil, j.Exists != nil, j.Count != nil) != 1 {
		report("", "promises not exactly one thing", "write one of equals, matches, min and max, exists, count")
	}
}

func checkPattern(report strictyaml.Report, key, pattern string) {
	if _, err := regexp.Compile(pattern); err != nil {
		report(key, fmt.Sprintf("is no regular expression (RE2): %v", err), "")
	}
}

func count(conditions ...bool) int {
	sum := 0
	for _, condition := range conditions {
		if condition {
			sum++
		}
	}
	return sum
}

func sortedKeys(values map[string]string) []string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
