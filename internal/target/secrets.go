package target

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
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

// secretFiles hold one secret each: all that stand under a key secret_file,
// found by the type, so that a new one cannot be forgotten here.
func (t *Target) secretFiles() []string {
	return append(filesUnder(reflect.ValueOf(*t), "secret_file"), t.Credential.Offer.LinkFile)
}

func filesUnder(value reflect.Value, key string) []string {
	if value.Kind() != reflect.Struct {
		return nil
	}
	var files []string
	for index := range value.NumField() {
		field := value.Type().Field(index)
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case !field.IsExported():
		case name == key && field.Type.Kind() == reflect.String:
			files = append(files, value.Field(index).String())
		default:
			files = append(files, filesUnder(value.Field(index), key)...)
		}
	}
	return files
}

// keyFiles hold a private JWK each.
func (t *Target) keyFiles() []string { return []string{t.Client.KeyFile, t.ServiceClient.KeyFile} }

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
