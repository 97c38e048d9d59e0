package baseline

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const sharedFile = `# keys of ours
[default]
aws_access_key_id = AKIDFILE
aws_secret_access_key=file-secret==
; an old one
[ of-ci ]
aws_access_key_id: none
AWS_ACCESS_KEY_ID = AKIDCI
aws_secret_access_key = ci#secret
aws_session_token = ci-token
[half]
aws_access_key_id = AKIDHALF
`

func TestCredentialsAreFoundWhereOtherToolsFindThem(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, ".aws", "credentials")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(sharedFile), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := func(pairs ...string) func(string) string {
		all := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			all[pairs[i]] = pairs[i+1]
		}
		return lookup(all)
	}
	for name, c := range map[string]struct {
		getenv func(string) string
		want   aws.Credentials
	}{
		"environment":         {environment("AWS_ACCESS_KEY_ID", "a", "AWS_SECRET_ACCESS_KEY", "b", "HOME", home), aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}},
		"a session":           {environment("AWS_ACCESS_KEY_ID", "a", "AWS_SECRET_ACCESS_KEY", "b", "AWS_SESSION_TOKEN", "c"), aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b", SessionToken: "c"}},
		"file at home":        {environment("HOME", home), aws.Credentials{AccessKeyID: "AKIDFILE", SecretAccessKey: "file-secret=="}},
		"another profile":     {environment("HOME", home, "AWS_PROFILE", "of-ci"), aws.Credentials{AccessKeyID: "AKIDCI", SecretAccessKey: "ci#secret", SessionToken: "ci-token"}},
		"file that was named": {environment("AWS_SHARED_CREDENTIALS_FILE", path), aws.Credentials{AccessKeyID: "AKIDFILE", SecretAccessKey: "file-secret=="}},
	} {
		found, err := findCredentials(c.getenv, endpoint{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := found.Retrieve(t.Context())
		if got.Source = ""; got != c.want || err != nil {
			t.Errorf("%s: %+v %v, want %+v", name, got, err, c.want)
		}
	}
	for name, c := range map[string]struct {
		getenv func(string) string
		want   string
	}{
		"nothing":               {environment(), "aws configure"},
		"an empty home":         {environment("HOME", filepath.Join(home, "nobody")), "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"},
		"half in environment":   {environment("AWS_ACCESS_KEY_ID", "AKIDHALF", "HOME", home), "AWS_SECRET_ACCESS_KEY is not"},
		"other half":            {environment("AWS_SECRET_ACCESS_KEY", "AKIDHALF", "HOME", home), "AWS_ACCESS_KEY_ID is not"},
		"half in a file":        {environment("HOME", home, "AWS_PROFILE", "half"), "does not hold"},
		"a profile of nobody":   {environment("HOME", home, "AWS_PROFILE", "nobody"), `profile "nobody"`},
		"a file that is not":    {environment("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, "none")), "read credentials"},
		"a profile and no file": {environment("HOME", filepath.Join(home, "nobody"), "AWS_PROFILE", "x"), "read credentials"},
	} {
		_, err := findCredentials(c.getenv, endpoint{})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "AKIDHALF") {
			t.Errorf("%s: %v, want that it says %q", name, err, c.want)
		}
	}
}

func TestRoleOfAContainerIsAsked(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("token-of-pod\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	agent := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "token-of-pod" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, `{"AccessKeyId":"AKIDROLE","SecretAccessKey":"role-secret","Token":"role-token","Expiration":"2130-01-01T00:00:00Z"}`)
	})
	environment := map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token}
	found, err := findCredentials(lookup(environment), endpoint{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := found.Retrieve(t.Context())
	if err != nil || got.AccessKeyID != "AKIDROLE" || got.SecretAccessKey != "role-secret" || got.SessionToken != "role-token" {
		t.Errorf("got %+v, %v", got, err)
	}

	t.Run("and says so if it has none", func(t *testing.T) {
		delete(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
		environment["AWS_ENDPOINT_URL"] = agent.URL
		_, err := storeOf(t, environment).Load(t.Context(), "lab", "login")
		if err == nil || !strings.Contains(err.Error(), "role of this container or machine") {
			t.Errorf("got %v", err)
		}
	})
}

func TestTokenOfAContainerIsSentToNoStranger(t *testing.T) {
	for address, allowed := range map[string]bool{
		"http://169.254.170.23/v1/credentials": true, "http://[fd00:ec2::23]/v1": true, "http://127.0.0.1:1/": true, "https://agent.example/": true,
		"http://agent.example/": false, "http://169.254.169.254/": false, "http://10.0.0.1/": false, "agent": false, "": false,
	} {
		if err := checkContainer(address); (err == nil) != allowed {
			t.Errorf("%s: %v", address, err)
		}
	}
	relative, err := roleCredentials(lookup(map[string]string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x"}), endpoint{})
	if err != nil || relative == nil {
		t.Errorf("the address of ECS: %v %v", relative, err)
	}
}

func TestMachineIsAskedForItsRoleOnTheWayToAWSOnly(t *testing.T) {
	for name, c := range map[string]struct {
		environment map[string]string
		aws, want   bool
	}{
		"to AWS":         {nil, true, true},
		"to a server":    {nil, false, false},
		"if not allowed": {map[string]string{"AWS_EC2_METADATA_DISABLED": "True"}, true, false},
	} {
		role, err := roleCredentials(lookup(c.environment), endpoint{aws: c.aws})
		if err != nil || (role != nil) != c.want {
			t.Errorf("%s: %v %v", name, role, err)
		}
	}
}

func FuzzProfile(f *testing.F) {
	f.Add(sharedFile, "default")
	f.Add("[default\naws_access_key_id", "default")
	f.Add("=\n[]\n]=[", "")
	f.Fuzz(func(t *testing.T, content, profile string) {
		values, found := readProfile(content, profile)
		if !found && len(values) != 0 {
			t.Fatalf("values %v of a profile that is not there", values)
		}
		for key, value := range values {
			if strings.ContainsAny(key+value, "\n") || !strings.Contains(content, value) {
				t.Fatalf("value %q is not in the file", value)
			}
		}
	})
}
