package baseline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// nextStep of somebody without keys.
const nextStep = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them to ~/.aws/credentials (aws configure); " +
	"for a login through SSO or an assumed role: eval \"$(aws configure export-credentials --format env)\""

// findCredentials looks where every tool for S3 looks, in its order: in the
// environment, in the shared credentials file, and for the role of the
// container or machine. No error of it repeats a value.
func findCredentials(getenv func(string) string, e endpoint) (aws.CredentialsProvider, error) {
	id, secret := getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY")
	switch {
	case id != "" && secret != "":
		return keys(id, secret, getenv("AWS_SESSION_TOKEN"), "environment"), nil
	case id != "":
		return nil, errors.New("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not: set both")
	case secret != "":
		return nil, errors.New("AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not: set both")
	}
	found, err := sharedCredentials(getenv)
	if err != nil || found != nil {
		return found, err
	}
	if role, err := roleCredentials(getenv, e); err != nil || role != nil {
		return role, err
	}
	return nil, errors.New("no credentials for the object store: " + nextStep)
}

func keys(id, secret, token, source string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token, Source: source}, nil
	})
}

// sharedCredentials reads ~/.aws/credentials; nil when there is none. A profile
// or file that somebody asked for must be there.
func sharedCredentials(getenv func(string) string) (aws.CredentialsProvider, error) {
	path, profile := getenv("AWS_SHARED_CREDENTIALS_FILE"), getenv("AWS_PROFILE")
	asked := path != "" || profile != ""
	if path == "" && getenv("HOME") == "" {
		return nil, nil
	}
	if path == "" {
		path = filepath.Join(getenv("HOME"), ".aws", "credentials")
	}
	if profile == "" {
		profile = "default"
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && !asked {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w: %s", err, nextStep)
	}
	if info.Size() > 1<<20 {
		return nil, fmt.Errorf("read credentials: %s is larger than a megabyte", path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	values, found := readProfile(string(content), profile)
	if !found && !asked {
		return nil, nil
	}
	id, secret := values["aws_access_key_id"], values["aws_secret_access_key"]
	if id == "" || secret == "" {
		return nil, fmt.Errorf("profile %q in %s does not hold aws_access_key_id and aws_secret_access_key: %s", profile, path, nextStep)
	}
	return keys(id, secret, values["aws_session_token"], path), nil
}

// readProfile reads one section of a file of settings, which are `key = value`.
func readProfile(content, profile string) (values map[string]string, found bool) {
	values, inside := map[string]string{}, false
	for line := range strings.Lines(content) {
		// A # inside of a line belongs to the value, as in other tools.
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if section, ok := strings.CutPrefix(line, "["); ok {
			section, _, _ = strings.Cut(section, "]")
			inside = strings.TrimSpace(section) == profile
			found = found || inside
			continue
		}
		if key, value, ok := strings.Cut(line, "="); ok && inside {
			values[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
		}
	}
	return values, found
}
