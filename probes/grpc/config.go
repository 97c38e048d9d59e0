package grpccheck

import (
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"tocsin/internal/strictyaml"
	"tocsin/probes/dial"
)

// Config of a gRPC probe, as it stands in a plan file. Its time limit is that of
// the check.
type Config struct {
	// Address is host:port.
	Address string `yaml:"address"`
	// Service is what is asked for. By default it is the server as a whole.
	Service string `yaml:"service"`
	// Authority is sent instead of Address, where a proxy decides by it.
	Authority string `yaml:"authority"`
	// Plaintext speaks gRPC without TLS.
	Plaintext bool     `yaml:"plaintext"`
	TLS       dial.TLS `yaml:"tls"`
	// Metadata is sent as it is, and MetadataFiles with the first line of a file
	// as their value: secrets stand in files only. The file is read anew for each
	// run.
	Metadata      map[string]string `yaml:"metadata"`
	MetadataFiles map[string]string `yaml:"metadata_files"`
	// Attempts is how often a run tries while failures are transient. Default 2.
	Attempts int    `yaml:"attempts"`
	Expect   Expect `yaml:"expect"`
}

// Expect is what is promised about the answer.
type Expect struct {
	// Status is what Check must say: a status of the health service, or a code
	// with which gRPC refuses the call. Default SERVING.
	Status string `yaml:"status"`
	// MaxTime is how long it may take, from resolving the name to the answer.
	// Past it the run fails as slow, though the answer came.
	MaxTime time.Duration `yaml:"max_time"`
	// CertificateDays is how long the certificates must still be valid.
	CertificateDays int `yaml:"certificate_days"`
}

// serving is the status that is promised where nothing else is.
const serving = "SERVING"

const maxAttempts = 5

// Resolve makes paths absolute.
func (c *Config) Resolve(folder string) {
	c.TLS.Resolve(folder)
	for name, path := range c.MetadataFiles {
		c.MetadataFiles[name] = dial.Absolute(folder, path)
	}
}

// Check reports all that is wrong with the values of c, and fills in what is
// promised by default.
func (c *Config) Check(report strictyaml.Report) {
	checkAddress(c.Address, report)
	c.TLS.Check(strictyaml.Under("tls", report))
	switch {
	case c.Plaintext && c.TLS != (dial.TLS{}):
		report("tls", "is of no use in plaintext", "keep one of them")
	case c.Plaintext && c.Expect.CertificateDays > 0:
		report("expect.certificate_days", "is of no use in plaintext", "")
	case c.Expect.CertificateDays < 0:
		report("expect.certificate_days", "is negative", "")
	}
	if c.Authority != "" && !httpguts.ValidHostHeader(c.Authority) {
		report("authority", fmt.Sprintf("%q is no authority", c.Authority), "write host or host:port")
	}
	c.checkMetadata(report)
	if c.Attempts < 0 || c.Attempts > maxAttempts {
		report("attempts", fmt.Sprintf("%d is outside 1 to %d", c.Attempts, maxAttempts), "")
	}
	if c.Expect.MaxTime < 0 {
		report("expect.max_time", "is negative", "")
	}
	if c.Expect.Status == "" {
		c.Expect.Status = serving
	}
	if known := statuses(); !slices.Contains(known, c.Expect.Status) {
		hint := "choose from " + strings.Join(known, ", ")
		if near := strictyaml.Nearest(strings.ToUpper(c.Expect.Status), known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		report("expect.status", fmt.Sprintf("%q is no status", c.Expect.Status), hint)
	}
}

func checkAddress(address string, report strictyaml.Report) {
	host, port, err := net.SplitHostPort(address)
	number, portErr := strconv.Atoi(port)
	switch {
	case address == "":
		report("address", "is missing", "write host:port, such as svc.example.org:443")
	case err != nil || host == "" || portErr != nil || number < 1 || number > 65535:
		report("address", fmt.Sprintf("%q is no host:port", address), "write it like svc.example.org:443")
	}
}

func (c *Config) checkMetadata(report strictyaml.Report) {
	for _, name := range slices.Sorted(maps.Keys(c.Metadata)) {
		checkName(name, "metadata."+name, report)
		if !httpguts.ValidHeaderFieldValue(c.Metadata[name]) {
			report("metadata."+name, "has a value that no metadata may have", "")
		}
		if slices.Contains([]string{"authorization", "cookie", "proxy-authorization"}, strings.ToLower(name)) {
			report("metadata."+name, "is a secret", "put the value into a file and name it in metadata_files")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.MetadataFiles)) {
		path := c.MetadataFiles[name]
		checkName(name, "metadata_files."+name, report)
		info, err := os.Stat(path)
		switch {
		case path == "":
			report("metadata_files."+name, "names no file", "")
		case err != nil:
			report("metadata_files."+name, fmt.Sprintf("file cannot be used: %v", err), "")
		case !info.Mode().IsRegular():
			report("metadata_files."+name, path+" is not a file", "")
		}
	}
}

// checkName refuses what gRPC keeps for itself (gRPC over HTTP/2, Requests).
func checkName(name, key string, report strictyaml.Report) {
	lower := strings.ToLower(name)
	if !httpguts.ValidHeaderFieldName(name) {
		report(key, fmt.Sprintf("%q is no name of metadata", name), "")
	}
	if strings.HasPrefix(lower, "grpc-") || slices.Contains([]string{"te", "content-type", "user-agent", "host", "connection"}, lower) {
		report(key, "is set by gRPC itself", "remove it")
	}
}

// statuses are what a check of health can end with: first those of the health
// service, then the codes of gRPC.
func statuses() []string {
	all := []string{
		serving, healthpb.HealthCheckResponse_NOT_SERVING.String(), healthpb.HealthCheckResponse_UNKNOWN.String(),
		healthpb.HealthCheckResponse_SERVICE_UNKNOWN.String(),
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		if name := nameOf(code); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// nameOf is a code as standards write it; grpc-go writes it as Go does.
func nameOf(code codes.Code) string {
	if code == codes.OK {
		return "OK"
	}
	var name strings.Builder
	for index, letter := range code.String() {
		if index > 0 && letter >= 'A' && letter <= 'Z' {
			name.WriteByte('_')
		}
		name.WriteRune(letter)
	}
	return strings.ToUpper(name.String())
}
