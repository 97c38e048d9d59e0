package baseline

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLocationIsReadOrSaysWhatToWrite(t *testing.T) {
	for text, want := range map[string]location{
		"s3://pictures":              {"pictures", ""},
		"s3://pictures/":             {"pictures", ""},
		"s3://pictures/of":           {"pictures", "of/"},
		"s3://pict.ures/of/A_b-c.d/": {"pict.ures", "of/A_b-c.d/"},
	} {
		if got, err := parseLocation(text); err != nil || got != want {
			t.Errorf("%s: %v %v, want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"https://pictures/of":           "s3://BUCKET/PREFIX",
		"S3://pictures":                 "s3://BUCKET/PREFIX",
		"s3://":                         "no name of a bucket",
		"s3:///of":                      "no name of a bucket",
		"s3://Pictures":                 "no name of a bucket",
		"s3://pict..ures":               "no name of a bucket",
		"s3://a":                        "no name of a bucket",
		"s3://pictures/..":              "cannot be part of a prefix",
		"s3://pictures/a/../b":          "cannot be part of a prefix",
		"s3://pictures/a//b":            "cannot be part of a prefix",
		"s3://pictures/a b":             "cannot be part of a prefix",
		"s3://pictures/%2e%2e":          "cannot be part of a prefix",
		"s3://key:very-secret@pictures": "come from the environment",
		"s3://pictures?key=very-secret": "come from the environment",
		"s3://pictures/" + strings.Repeat("a", 600): "longer than",
	} {
		_, err := parseLocation(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "very-secret") {
			t.Errorf("%s: %v, want that it says %q", text, err, want)
		}
	}
}

func TestWhatLooksLikeAURLIsNoFolder(t *testing.T) {
	for _, location := range []string{"", "gs://bucket", "file:///tmp", "s3://"} {
		if _, err := Open(location); err == nil {
			t.Errorf("%q is opened", location)
		}
	}
	store := openFolder(t, filepath.Join("s3:", "pictures"))
	if _, ok := store.place.(folder); !ok {
		t.Errorf("a folder is kept in %T", store.place)
	}
}

func lookup(environment map[string]string) func(string) string {
	return func(name string) string { return environment[name] }
}

func TestEndpointComesFromTheEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		environment map[string]string
		bucket      string
		want        string
	}{
		"AWS":                            {nil, "pictures", "https://pictures.s3.us-east-1.amazonaws.com/a/b"},
		"AWS in a region":                {map[string]string{"AWS_REGION": "eu-central-1"}, "pictures", "https://pictures.s3.eu-central-1.amazonaws.com/a/b"},
		"AWS in China":                   {map[string]string{"AWS_DEFAULT_REGION": "cn-north-1"}, "pictures", "https://pictures.s3.cn-north-1.amazonaws.com.cn/a/b"},
		"AWS, dots in the bucket":        {nil, "my.pictures", "https://s3.us-east-1.amazonaws.com/my.pictures/a/b"},
		"a server":                       {map[string]string{"AWS_ENDPOINT_URL": "https://store:9000"}, "pictures", "https://store:9000/pictures/a/b"},
		"a server for S3 only":           {map[string]string{"AWS_ENDPOINT_URL": "https://x", "AWS_ENDPOINT_URL_S3": "https://store/s3/"}, "pictures", "https://store/s3/pictures/a/b"},
		"plain http to this machine":     {map[string]string{"AWS_ENDPOINT_URL": "http://[::1]:9000"}, "pictures", "http://[::1]:9000/pictures/a/b"},
		"plain http as somebody insists": {map[string]string{"AWS_ENDPOINT_URL": "http://store", plainHTTP: "1"}, "pictures", "http://store/pictures/a/b"},
	} {
		e, err := findEndpoint(lookup(c.environment))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := e.url(c.bucket, "a/b").String(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	for name, c := range map[string]struct{ variable, value, want string }{
		"plain http":       {"AWS_ENDPOINT_URL", "http://store.example", "use https"},
		"a loopback name":  {"AWS_ENDPOINT_URL", "http://127.0.0.1.example", "use https"},
		"no scheme":        {"AWS_ENDPOINT_URL", "store:9000", "https://HOST"},
		"no host":          {"AWS_ENDPOINT_URL_S3", "https://", "AWS_ENDPOINT_URL_S3"},
		"a broken URL":     {"AWS_ENDPOINT_URL", "https://user:very-secret@st ore", "https://HOST"},
		"a user":           {"AWS_ENDPOINT_URL", "https://user:very-secret@store", "AWS_ACCESS_KEY_ID"},
		"a query":          {"AWS_ENDPOINT_URL", "https://store?key=very-secret", "https://HOST"},
		"no region at all": {"AWS_REGION", "eu/../x", "AWS_REGION"},
	} {
		_, err := findEndpoint(lookup(map[string]string{c.variable: c.value}))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "very-secret") {
			t.Errorf("%s: %v, want that it says %q", name, err, c.want)
		}
	}
}

func TestAuthoritiesMustBeThere(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, empty + ".missing"} {
		if _, err := newClient(file); err == nil || !strings.Contains(err.Error(), "AWS_CA_BUNDLE") {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func FuzzLocation(f *testing.F) {
	for _, seed := range []string{"s3://pictures/of/us", "s3://pict.ures", "s3://a/../..", "s3://pictures/%2f", "s3://x@pictures/a?b#c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := parseLocation(text)
		if err != nil {
			return
		}
		for _, aws := range []bool{true, false} {
			e := endpoint{base: &url.URL{Scheme: "https", Host: "store.example"}, aws: aws}
			asked := e.url(at.bucket, at.prefix+"lab/login/baseline.json")
			again, err := url.Parse(asked.String())
			if err != nil || again.Path != asked.Path || again.EscapedPath() != asked.Path || again.RawQuery != "" || again.User != nil {
				t.Fatalf("%q is asked as %s: %v", text, asked, err)
			}
			if again.Host != "store.example" && again.Host != at.bucket+".store.example" {
				t.Fatalf("%q is asked of %s", text, again.Host)
			}
			if joined := again.JoinPath(); joined.Path != again.Path {
				t.Fatalf("%q names %s, which is %s", text, again.Path, joined.Path)
			}
		}
	})
}
