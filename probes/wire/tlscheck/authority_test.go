package tlscheck

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// authority issues certificates for tests.
type authority struct {
	t           testing.TB
	certificate *x509.Certificate
	key         crypto.Signer
}

func curveKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newRoot(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{t: t, key: curveKey(t, elliptic.P256())}
	a.certificate = a.sign(template(name, func(c *x509.Certificate) { isAuthority(c) }), nil, a.key.Public())
	return a
}

func template(name string, change func(*x509.Certificate)) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		panic(err)
	}
	made := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour), BasicConstraintsValid: true,
	}
	change(made)
	return made
}

func isAuthority(c *x509.Certificate) {
	c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
}

// sign issues a certificate for key; without issuer it signs itself.
func (a *authority) sign(made, issuer *x509.Certificate, key crypto.PublicKey) *x509.Certificate {
	a.t.Helper()
	if issuer == nil {
		issuer = made
	}
	der, err := x509.CreateCertificate(rand.Reader, made, issuer, key, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return parsed
}

// below makes an authority that a certifies.
func (a *authority) below(name string) *authority {
	key := curveKey(a.t, elliptic.P256())
	return &authority{t: a.t, key: key, certificate: a.sign(template(name, isAuthority), a.certificate, key.Public())}
}

// server makes the certificate of a server at 127.0.0.1, followed by others.
func (a *authority) server(key crypto.Signer, change func(*x509.Certificate), others ...*x509.Certificate) tls.Certificate {
	a.t.Helper()
	if key == nil {
		key = curveKey(a.t, elliptic.P256())
	}
	leaf := a.sign(template("server", func(c *x509.Certificate) {
		c.IPAddresses, c.ExtKeyUsage = []net.IP{net.IPv4(127, 0, 0, 1)}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		c.DNSNames = []string{"localhost"}
		if change != nil {
			change(c)
		}
	}), a.certificate, key.Public())
	made := tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	for _, other := range others {
		made.Certificate = append(made.Certificate, other.Raw)
	}
	return made
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// answer is an OCSP response about a certificate that a issued.
func (a *authority) answer(about *x509.Certificate, change func(*ocsp.Response)) []byte {
	a.t.Helper()
	response := ocsp.Response{
		Status: ocsp.Good, SerialNumber: about.SerialNumber, ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour),
	}
	if change != nil {
		change(&response)
	}
	made, err := ocsp.CreateResponse(a.certificate, a.certificate, response, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return made
}

// serve is a TLS server of Go's that shakes hands and hangs up.
func serve(t testing.TB, config *tls.Config) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return accept(t, listener, func(connection net.Conn) {
		secured := tls.Server(connection, config)
		// A client that refuses us, or is gone, is what many tests want.
		if secured.HandshakeContext(t.Context()) == nil {
			_, _ = secured.Read(make([]byte, 1))
		}
	})
}

// accept lets each connection be handled until the test ends.
func accept(t testing.TB, listener net.Listener, handle func(net.Conn)) string {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				_ = connection.SetDeadline(time.Now().Add(30 * time.Second))
				handle(connection)
			}()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-ended })
	return listener.Addr().String()
}
