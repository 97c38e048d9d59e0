package target

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// Secrets reads everything secret that the target file names, so that it can be
// kept out of what is written. It reads the files anew: secrets are rotated.
func (t *Target) Secrets() ([]string, error) {
	var secrets []string
	for _, path := range t.secretFiles() {
		if path == "" {
			continue
		}
		secret, err := ReadSecret(path)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, secret)
	}
	slices.Sort(secrets)
	secrets = slices.Compact(secrets)
	for _, path := range t.keyFiles() {
		if path == "" {
			continue
		}
		private, err := privateMembers(path)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, private...)
	}
	return secrets, nil
}

// secretFiles hold one secret each.
func (t *Target) secretFiles() []string {
	return []string{t.Accounts.Probe.SecretFile, t.Accounts.Load.SecretFile}
}

// keyFiles hold a private JWK each.
func (t *Target) keyFiles() []string { return []string{t.Client.KeyFile} }

// privateMembers are the secret parts of a JWK (RFC 7518, section 6).
func privateMembers(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read client key: %w", err)
	}
	var key map[string]any
	if err := json.Unmarshal(data, &key); err != nil {
		return nil, fmt.Errorf("client key %s is not a JWK: %w", path, err)
	}
	var private []string
	for _, member := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
		if value, ok := key[member].(string); ok {
			private = append(private, value)
		}
	}
	return private, nil
}
