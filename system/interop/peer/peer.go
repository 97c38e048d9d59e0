// Package peer starts the npm oidc-provider with its memory store, on plain
// HTTP on loopback: a provider not written here, to check the checks against
// and to measure beside.
package peer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

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
		return nil, errors.Join(fmt.Errorf("peer did not start: %w", err), p.Close(), fmt.Errorf("it said: %s", p.says))
	}
	p.PID = command.Process.Pid
	return p, nil
}

// Close ends the peer.
func (p *Peer) Close() error {
	if err := p.input.Close(); err != nil {
		return fmt.Errorf("end peer: %w", err)
	}
	if err := p.command.Wait(); err != nil {
		return fmt.Errorf("end peer: %w", err)
	}
	return nil
}
