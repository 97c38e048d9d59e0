// Package peer starts the npm oidc-provider with its memory store, on plain
// HTTP on loopback: a provider not written here, to check the checks against
// and to measure beside.
package peer

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/interop/node"
)

// Client is a client as dynamic registration would describe it.
type Client struct {
	ID               string             `json:"client_id"`
	RedirectURIs     []string           `json:"redirect_uris"`
	LogoutURIs       []string           `json:"post_logout_redirect_uris,omitempty"`
	GrantTypes       []string           `json:"grant_types"`
	ResponseTypes    []string           `json:"response_types"`
	Keys             jose.JSONWebKeySet `json:"jwks"`
	IDTokenAlgorithm string             `json:"id_token_signed_response_alg,omitempty"`
	AuthAlgorithm    string             `json:"token_endpoint_auth_signing_alg,omitempty"`
	UserinfoAlg      string             `json:"userinfo_signed_response_alg,omitempty"`
	RequirePAR       bool               `json:"require_pushed_authorization_requests,omitempty"`
	RequireDPoP      bool               `json:"dpop_bound_access_tokens,omitempty"`
}

// Person is somebody who can log in.
type Person struct {
	PIN    string         `json:"pin"`
	Claims map[string]any `json:"claims"`
}

// Config is what the peer knows when it starts.
type Config struct {
	Clients []Client          `json:"clients"`
	Persons map[string]Person `json:"persons"`
	// Resource makes access tokens JWTs for it; userinfo refuses those.
	Resource string `json:"resource,omitempty"`
	// Credentials makes the peer issue credentials too.
	Credentials *Credentials `json:"credentials,omitempty"`
}

// Credentials is what the peer issues credentials with.
type Credentials struct {
	Key jose.JSONWebKey `json:"key"`
	// Chain certifies Key, leaf first.
	Chain [][]byte `json:"chain"`
	// Offers are the pre-authorized codes that it takes.
	Offers map[string]Offer `json:"offers"`
}

// Offer is what one pre-authorized code gives.
type Offer struct {
	Person string `json:"person"`
	TxCode string `json:"tx_code"`
	Scope  string `json:"scope"`
}

// SelfSigned returns credentials with a new key that is its own authority.
func SelfSigned() (*Credentials, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make credential key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "peer", Country: []string{"UT"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("certify credential key: %w", err)
	}
	return &Credentials{Key: jose.JSONWebKey{Key: key}, Chain: [][]byte{certificate}, Offers: map[string]Offer{}}, nil
}

// Peer is a running peer.
type Peer struct {
	Issuer string
	PID    int

	command *exec.Cmd
	input   io.Closer
	says    *bytes.Buffer
}

// Start starts a peer; folder is for its configuration.
func Start(ctx context.Context, folder string, config Config) (*Peer, error) {
	text, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encode peer's configuration: %w", err)
	}
	file := filepath.Join(folder, "peer.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, fmt.Errorf("write peer's configuration: %w", err)
	}
	command, err := node.Command(ctx, "", "peer/provider.mjs", file)
	if err != nil {
		return nil, err
	}
	p := &Peer{command: command, says: &bytes.Buffer{}}
	command.Stderr = p.says
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start peer: %w", err)
	}
	if p.input, err = command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start peer: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start peer: %w", err)
	}
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, p)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("peer did not start: %w", err), p.Close())
	}
	p.PID = command.Process.Pid
	return p, nil
}

// Complaints are what the peer wrote to its standard error. It must be closed.
func (p *Peer) Complaints() string { return p.says.String() }

// Close ends the peer.
func (p *Peer) Close() error {
	if err := p.input.Close(); err != nil {
		return fmt.Errorf("end peer: %w", err)
	}
	if err := p.command.Wait(); err != nil {
		return fmt.Errorf("end peer: %w: %s", err, p.says)
	}
	return nil
}
