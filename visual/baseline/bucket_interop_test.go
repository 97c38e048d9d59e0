//go:build interop

package baseline

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	keyID     = "AKIDTOCSIN"
	keySecret = "wJalrXUtnFEMI-bPxRfiCYEXAMPLEKEY"
	// guestSecret is of somebody who may do nothing with the bucket.
	guestSecret = "guest-of-the-store"
	region      = "eu-north-7"
)

// objectStore starts the Versity gateway, an S3 server that keeps its objects in
// a folder, with a bucket named baselines, and returns the environment of a
// person who uses it.
func objectStore(t *testing.T) map[string]string {
	t.Helper()
	program, err := filepath.Abs("../../bin/versitygw")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("make bin/versitygw first: %v", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	_, file, keyFile := certificate(t, time.Hour)
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "objects", "baselines"), 0o700); err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(folder, "users")
	if err := os.Mkdir(users, 0o700); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, "--port", address, "--cert", file, "--key", keyFile, "--region", region, "--quiet", "--iam-dir", users,
		"posix", filepath.Join(folder, "objects"))
	command.Env = append(os.Environ(), "ROOT_ACCESS_KEY_ID="+keyID, "ROOT_SECRET_ACCESS_KEY="+keySecret)
	says := &bytes.Buffer{}
	command.Stdout, command.Stderr = says, says
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		var ended *exec.ExitError
		err := command.Process.Kill()
		if waited := command.Wait(); !errors.As(waited, &ended) {
			err = errors.Join(err, waited)
		}
		if err != nil {
			t.Errorf("end the object store: %v: %s", err, says)
		}
		if t.Failed() {
			t.Logf("the object store said: %s", says)
		}
	})
	environment := map[string]string{
		"AWS_ENDPOINT_URL_S3": "https://" + address, "AWS_REGION": region, "AWS_CA_BUNDLE": file,
		"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": keySecret,
	}
	await(t, environment)
	guest := exec.Command(program, "admin", "--access", keyID, "--secret", keySecret, "--region", region, "--allow-insecure",
		"--endpoint-url", "https://"+address, "create-user", "--access", "AKIDGUEST", "--secret", guestSecret, "--role", "user")
	if said, err := guest.CombinedOutput(); err != nil {
		t.Fatalf("add a user of the object store: %v: %s", err, said)
	}
	return environment
}

// await until the store answers at all.
func await(t *testing.T, environment map[string]string) {
	t.Helper()
	client, err := newClient(environment["AWS_CA_BUNDLE"])
	if err != nil {
		t.Fatal(err)
	}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-look.C {
		response, err := client.Get(environment["AWS_ENDPOINT_URL_S3"])
		if err == nil {
			_ = response.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the object store does not answer: %v", err)
		}
	}
}

// with changes one variable of an environment, or two.
func with(environment map[string]string, pairs ...string) func(string) string {
	changed := maps.Clone(environment)
	for pair := range slices.Chunk(pairs, 2) {
		changed[pair[0]] = pair[1]
	}
	return func(name string) string { return changed[name] }
}

func storeAt(t *testing.T, location string, getenv func(string) string) *Store {
	t.Helper()
	bucket, err := openBucket(location, getenv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bucket.client.CloseIdleConnections)
	return &Store{place: bucket}
}

func TestBucketKeepsTheContract(t *testing.T) {
	environment := objectStore(t)
	t.Run("contract", func(t *testing.T) {
		contract(t, func(t *testing.T) func() *Store {
			location := "s3://baselines/" + strings.ReplaceAll(filepath.Base(t.Name()), "_", "-")
			return func() *Store { return storeAt(t, location, with(environment)) }
		})
	})
	t.Run("without a prefix, opened as a person does", func(t *testing.T) {
		for name, value := range environment {
			t.Setenv(name, value)
		}
		store, err := Open("s3://baselines")
		if err != nil {
			t.Fatal(err)
		}
		b := approve(t, store, "picture", "")
		where := store.Where("lab", "login", b.SHA256)
		if want := "s3://baselines/lab/login/baseline-" + b.SHA256 + ".png"; where != want {
			t.Errorf("the picture is said to be at %s, want %s", where, want)
		}
	})
	t.Run("pictures of before stay", func(t *testing.T) {
		store := storeAt(t, "s3://baselines/before", with(environment))
		first := approve(t, store, "first", "")
		approve(t, store, "second", "first")
		content, _, err := store.place.read(t.Context(), "lab/login/"+store.place.keptAs(pictureFile, first.SHA256))
		if err != nil || string(content) != "first" {
			t.Errorf("the picture before is %q, %v", content, err)
		}
	})
}

func TestObjectStoreSaysWhatIsWrongWithTheSettings(t *testing.T) {
	environment := objectStore(t)
	address := environment["AWS_ENDPOINT_URL_S3"]
	for name, c := range map[string]struct {
		bucket, want string
		change       []string
	}{
		"another bucket":     {"baselinez", "there is no bucket baselinez", nil},
		"an unknown key":     {"baselines", "check AWS_ACCESS_KEY_ID", []string{"AWS_ACCESS_KEY_ID", "AKIDOTHER"}},
		"a wrong secret":     {"baselines", "check AWS_SECRET_ACCESS_KEY", []string{"AWS_SECRET_ACCESS_KEY", "other"}},
		"a guest":            {"baselines", "allow this key s3:GetObject", []string{"AWS_ACCESS_KEY_ID", "AKIDGUEST", "AWS_SECRET_ACCESS_KEY", guestSecret}},
		"another region":     {"baselines", "check AWS_REGION", []string{"AWS_REGION", "us-west-2"}},
		"a stranger":         {"baselines", "name the authority's file in AWS_CA_BUNDLE", []string{"AWS_CA_BUNDLE", ""}},
		"plain http":         {"baselines", "check AWS_ENDPOINT_URL", []string{"AWS_ENDPOINT_URL_S3", strings.Replace(address, "https", "http", 1)}},
		"a path of no store": {"baselines", "there is no bucket", []string{"AWS_ENDPOINT_URL_S3", address + "/other"}},
	} {
		t.Run(name, func(t *testing.T) {
			store := storeAt(t, "s3://"+c.bucket+"/x", with(environment, c.change...))
			_, loading := store.Load(t.Context(), "lab", "login")
			recording := store.Record(t.Context(), "lab", "login", decision(Rejected, "picture"))
			for doing, err := range map[string]error{"load": loading, "record": recording} {
				if err == nil || errors.Is(err, ErrNone) || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: %v, want that it says %q", doing, err, c.want)
				}
				if strings.Contains(fmt.Sprint(err), keySecret) || strings.Contains(fmt.Sprint(err), keyID) || strings.Contains(fmt.Sprint(err), guestSecret) {
					t.Errorf("%s: %v gives a key away", doing, err)
				}
			}
		})
	}
}

// The signature is made of the path, and proxies and stores disagree about how
// it is written: what a location allows has to be the same to both.
func TestEveryNameThatALocationAllowsIsSigned(t *testing.T) {
	environment := objectStore(t)
	store := storeAt(t, "s3://baselines/A_z-0.9/_x.y", with(environment))
	approve(t, store, "picture", "")
}
