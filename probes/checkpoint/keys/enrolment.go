package keys

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tocsin/internal/ownerfile"
	"tocsin/internal/strictyaml"
	"tocsin/probes"
)

// Enrolment is all that a checkpoint needs to speak to the central: one file,
// which is a secret.
type Enrolment struct {
	Version    int    `yaml:"version"`
	Checkpoint string `yaml:"checkpoint"`
	// URL of the central, as https://HOST:PORT.
	URL         string `yaml:"url"`
	Authority   string `yaml:"authority"`
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

const enrolmentVersion = 1

// Enrol makes a certificate for a checkpoint that will reach the central at
// address. One that it had before is no longer admitted.
func (a *Authority) Enrol(name, address string) (Enrolment, error) {
	if !probes.ValidCheckpoint(name) {
		return Enrolment{}, fmt.Errorf("%q cannot name a checkpoint: use %s", name, probes.CheckpointName)
	}
	if err := a.checkAddress(address); err != nil {
		return Enrolment{}, err
	}
	template := a.leaf(name, leafFor)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	certificate, key, err := a.issue(template)
	if err != nil {
		return Enrolment{}, err
	}
	authority, err := os.ReadFile(a.path(caCertificate))
	if err != nil {
		return Enrolment{}, fmt.Errorf("read certificate of authority: %w", err)
	}
	if err := ownerfile.Write(a.path(enrolledFolder, name+".pem"), certificate); err != nil {
		return Enrolment{}, err
	}
	return Enrolment{
		Version: enrolmentVersion, Checkpoint: name, URL: address,
		Authority: string(authority), Certificate: string(certificate), Key: string(key),
	}, nil
}

// checkAddress refuses an address whose host the central's certificate does not
// name: the checkpoint would find out only when it is far away.
func (a *Authority) checkAddress(address string) error {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "https" || parsed.Port() == "" || strings.Trim(parsed.Path, "/") != "" {
		return fmt.Errorf("%q is no address of the central: write https://HOST:PORT", address)
	}
	server, err := readCertificate(a.path(serverCertificate))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w in %s: run tocsin checkpoint init", ErrNoAuthority, a.Folder)
	}
	if err != nil {
		return err
	}
	if err := server.VerifyHostname(parsed.Hostname()); err != nil {
		names := slices.Clone(server.DNSNames)
		for _, ip := range server.IPAddresses {
			names = append(names, ip.String())
		}
		return fmt.Errorf("the certificate of the central names %s, not %s: run tocsin checkpoint init --name %s once more",
			strings.Join(names, ", "), parsed.Hostname(), parsed.Hostname())
	}
	return nil
}

// Save writes an enrolment, for its owner's eyes only.
func (e Enrolment) Save(path string) error {
	data, err := yaml.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode enrolment: %w", err)
	}
	header := "# Lets one checkpoint speak to the central Tocsin. It holds a private key: copy it there, keep it at mode 0600.\n"
	return ownerfile.Write(path, append([]byte(header), data...))
}

// LoadEnrolment reads an enrolment. One that others than its owner may read is
// refused: its key is then no secret.
func LoadEnrolment(path string) (Enrolment, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Enrolment{}, fmt.Errorf("read enrolment: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Enrolment{}, fmt.Errorf("%s can be read by others (mode %04o), and it holds a private key: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Enrolment{}, fmt.Errorf("read enrolment: %w", err)
	}
	var e Enrolment
	document, err := strictyaml.Parse(path, data, &e)
	if err != nil {
		return Enrolment{}, err
	}
	if e.Version != enrolmentVersion {
		return Enrolment{}, document.Problem("version", fmt.Sprintf("version %d is not supported", e.Version), "enrol the checkpoint with this version of tocsin")
	}
	if !probes.ValidCheckpoint(e.Checkpoint) {
		return Enrolment{}, document.Problem("checkpoint", fmt.Sprintf("%q cannot name a checkpoint", e.Checkpoint), "use "+probes.CheckpointName)
	}
	if parsed, err := url.Parse(e.URL); err != nil || parsed.Scheme != "https" || parsed.Host == "" {
		return Enrolment{}, document.Problem("url", fmt.Sprintf("%q is no address of the central", e.URL), "write https://HOST:PORT")
	}
	if _, err := e.TLS(); err != nil {
		return Enrolment{}, document.Problem("certificate", err.Error(), "enrol the checkpoint again")
	}
	return e, nil
}

// TLS is the checkpoint's side of the connection.
func (e Enrolment) TLS() (*tls.Config, error) {
	pair, err := tls.X509KeyPair([]byte(e.Certificate), []byte(e.Key))
	if err != nil {
		return nil, fmt.Errorf("certificate and key do not fit: %w", err)
	}
	if pair.Leaf.Subject.CommonName != e.Checkpoint {
		return nil, fmt.Errorf("the certificate is for %s, not for %s", pair.Leaf.Subject.CommonName, e.Checkpoint)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(e.Authority)) {
		return nil, errors.New("the authority is no PEM certificate")
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, Certificates: []tls.Certificate{pair}}, nil
}

// Enrolled is a checkpoint that is admitted.
type Enrolled struct {
	Name    string
	Expires time.Time
}

// Enrolled lists who is admitted, by name.
func (a *Authority) Enrolled() ([]Enrolled, error) {
	paths, err := filepath.Glob(a.path(enrolledFolder, "*.pem"))
	if err != nil {
		return nil, fmt.Errorf("list enrolled checkpoints: %w", err)
	}
	all := make([]Enrolled, 0, len(paths))
	for _, path := range paths {
		certificate, err := readCertificate(path)
		if err != nil {
			return nil, err
		}
		all = append(all, Enrolled{Name: certificate.Subject.CommonName, Expires: certificate.NotAfter})
	}
	return all, nil
}

// Remove shuts a checkpoint out, at once.
func (a *Authority) Remove(name string) error {
	if !probes.ValidCheckpoint(name) {
		return fmt.Errorf("%q cannot name a checkpoint: use %s", name, probes.CheckpointName)
	}
	err := os.Remove(a.path(enrolledFolder, name+".pem"))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("checkpoint %s is not enrolled: tocsin checkpoint list shows who is", name)
	}
	if err != nil {
		return fmt.Errorf("remove checkpoint: %w", err)
	}
	return nil
}
