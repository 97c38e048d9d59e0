package baseline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// What the store is given, and what must never be said.
const (
	ourKey    = "AKIDOURKEY"
	ourSecret = "our-secret"
	ourToken  = "our-session-token"
)

func person(server string) map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": server, "AWS_REGION": "eu-north-7",
		"AWS_ACCESS_KEY_ID": ourKey, "AWS_SECRET_ACCESS_KEY": ourSecret, "AWS_SESSION_TOKEN": ourToken,
	}
}

// storeAt a server that answers as it likes, with little patience.
func storeOf(t *testing.T, environment map[string]string) *Store {
	t.Helper()
	bucket, err := openBucket("s3://pictures/of/us", func(name string) string { return environment[name] })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bucket.client.CloseIdleConnections)
	bucket.pause = time.Millisecond
	return &Store{place: bucket}
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func refuse(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amz-Bucket-Region", "us-west-9")
		w.WriteHeader(status)
		// As real stores do, it repeats what it was sent.
		fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>no</Message><AWSAccessKeyId>%s</AWSAccessKeyId><StringToSign>%s</StringToSign></Error>`,
			code, ourKey, r.Header.Get("Authorization"))
	}
}

func keepsSecrets(t *testing.T, err error) {
	t.Helper()
	for _, secret := range []string{ourKey, ourSecret, ourToken, "Signature"} {
		if text := fmt.Sprintf("%v %+v %#v", err, err, err.Error()); strings.Contains(strings.ReplaceAll(text, "SignatureDoesNotMatch", ""), secret) {
			t.Errorf("%v gives %s away", err, secret)
		}
	}
}

func TestRefusalOfAnObjectStoreSaysWhatToDo(t *testing.T) {
	endless := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		for {
			if _, err := w.Write([]byte(strings.Repeat("<Error>", 1<<10))); err != nil {
				return
			}
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"forbidden":           {refuse(403, "AccessDenied"), "allow this key s3:GetObject"},
		"no bucket":           {refuse(404, "NoSuchBucket"), "no bucket pictures: create it"},
		"an unknown key":      {refuse(403, "InvalidAccessKeyId"), "check AWS_ACCESS_KEY_ID"},
		"a wrong secret":      {refuse(403, "SignatureDoesNotMatch"), "check AWS_SECRET_ACCESS_KEY"},
		"an old session":      {refuse(400, "ExpiredToken"), "log in again"},
		"a wrong clock":       {refuse(403, "RequestTimeTooSkewed"), "set the clock"},
		"another region":      {refuse(301, "PermanentRedirect"), "set AWS_REGION=us-west-9"},
		"no conditions":       {refuse(501, "NotImplemented"), "conditional writes"},
		"a busy store":        {refuse(503, "SlowDown"), "try again later"},
		"a broken store":      {refuse(500, "InternalError"), "try again later"},
		"an unknown code":     {refuse(418, "Teapot"), "answers 418 Teapot"},
		"a code with markup":  {refuse(403, "&lt;b&gt;"+ourSecret), "not as an object store"},
		"a page of a proxy":   {http.NotFound, "answers 404 and not as an object store does: check AWS_ENDPOINT_URL"},
		"a page that is fine": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, "check AWS_ENDPOINT_URL"},
		"an endless error":    {endless, "not as an object store"},
		"a giant": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"x"`)
			w.Header().Set("Content-Length", fmt.Sprint(largest+1))
			fmt.Fprint(w, "x")
		}, "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := storeOf(t, person(serve(t, c.answer).URL))
			_, loading := store.Load(t.Context(), "lab", "login")
			_, reading := store.History(t.Context(), "lab", "login")
			if loading == nil || errors.Is(loading, ErrNone) || errors.Is(loading, ErrDamaged) || !strings.Contains(loading.Error(), c.want) {
				t.Fatalf("got %v, want an error that says %q", loading, c.want)
			}
			if reading == nil || errors.Is(reading, ErrDamaged) {
				t.Fatalf("the history: %v", reading)
			}
			keepsSecrets(t, loading)
			keepsSecrets(t, reading)
		})
	}
}

func TestMissingRecordIsNoError(t *testing.T) {
	store := storeOf(t, person(serve(t, refuse(404, "NoSuchKey")).URL))
	if _, err := store.Load(t.Context(), "lab", "login"); !errors.Is(err, ErrNone) {
		t.Errorf("got %v, want ErrNone", err)
	}
}

func TestListingOfSomethingElseIsNoHistory(t *testing.T) {
	for name, body := range map[string]string{
		"no listing":         "<html></html>",
		"another folder":     "<ListBucketResult><Contents><Key>of/us/lab/other/history/1.json</Key></Contents></ListBucketResult>",
		"another prefix":     "<ListBucketResult><Contents><Key>lab/login/history/1.json</Key></Contents></ListBucketResult>",
		"a list for ever":    "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
		"a list that is cut": "<ListBucketResult><Contents>",
	} {
		store := storeOf(t, person(serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }).URL))
		if all, err := store.History(t.Context(), "lab", "login"); err == nil {
			t.Errorf("%s: %v", name, all)
		}
	}
}

func TestSlowObjectStoreIsGivenUp(t *testing.T) {
	hang := func(r *http.Request) { <-r.Context().Done() }
	for name, answer := range map[string]http.HandlerFunc{
		"no answer": func(_ http.ResponseWriter, r *http.Request) { hang(r) },
		"half an answer": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Header().Set("ETag", `"x"`)
			fmt.Fprint(w, "half")
			_ = http.NewResponseController(w).Flush()
			hang(r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := storeOf(t, person(serve(t, answer).URL))
			store.place.(*bucket).timeout = 50 * time.Millisecond
			_, err := store.Load(t.Context(), "lab", "login")
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "did not answer in time (50ms)") {
				t.Errorf("got %v, want that the time is over", err)
			}
		})
	}
	t.Run("somebody gives up first", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		store := storeOf(t, person(serve(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); hang(r) }).URL))
		if _, err := store.Load(ctx, "lab", "login"); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that it was given up", err)
		}
	})
}

func TestObjectStoreThatCannotBeTrusted(t *testing.T) {
	secure := func(until time.Duration) (address, file string) {
		pair, file, _ := certificate(t, until)
		server := httptest.NewUnstartedServer(refuse(404, "NoSuchKey"))
		server.TLS = serverTLS(pair)
		server.Config.ErrorLog = silent()
		server.StartTLS()
		t.Cleanup(server.Close)
		return server.URL, file
	}
	valid, validFile := secure(time.Hour)
	expired, expiredFile := secure(-time.Hour)
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, c := range map[string]struct{ address, authority, want string }{
		"a stranger":            {valid, "", "name the authority's file in AWS_CA_BUNDLE"},
		"another authority":     {valid, expiredFile, "name the authority's file in AWS_CA_BUNDLE"},
		"an old certificate":    {expired, expiredFile, "has expired"},
		"of another host":       {strings.Replace(valid, "127.0.0.1", "localhost", 1), validFile, "is of another host"},
		"plain text on the way": {strings.Replace(valid, "https", "http", 1), "", "answers 400 and not as an object store"},
		"nobody there":          {gone.URL, "", "cannot reach"},
	} {
		t.Run(name, func(t *testing.T) {
			environment := person(c.address)
			environment["AWS_CA_BUNDLE"] = c.authority
			_, err := storeOf(t, environment).Load(t.Context(), "lab", "login")
			if err == nil || errors.Is(err, ErrNone) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want an error that says %q", err, c.want)
			}
			keepsSecrets(t, err)
		})
	}
	environment := person(valid)
	environment["AWS_CA_BUNDLE"] = validFile
	if _, err := storeOf(t, environment).Load(t.Context(), "lab", "login"); !errors.Is(err, ErrNone) {
		t.Errorf("with its authority: %v", err)
	}
}

func TestSignedRequestIsForOneHostOnly(t *testing.T) {
	var elsewhere atomic.Int32
	other := serve(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	store := storeOf(t, person(serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}).URL))
	if _, err := store.Load(t.Context(), "lab", "login"); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("a redirect: %v", err)
	}
	if elsewhere.Load() != 0 {
		t.Error("the redirect was followed")
	}
}

func TestRequestNamesKeyAndRegionAndHoldsNoSecret(t *testing.T) {
	store := storeOf(t, person(serve(t, func(w http.ResponseWriter, r *http.Request) {
		if want := "AWS4-HMAC-SHA256 Credential=" + ourKey + "/"; !strings.HasPrefix(r.Header.Get("Authorization"), want) ||
			!strings.Contains(r.Header.Get("Authorization"), "/eu-north-7/s3/aws4_request") {
			t.Errorf("signed %s", r.Header.Get("Authorization"))
		}
		if r.URL.Path != "/pictures/of/us/lab/login/baseline.json" || r.Header.Get("X-Amz-Security-Token") != ourToken {
			t.Errorf("asks %s with %v", r.URL, r.Header)
		}
		if body, err := io.ReadAll(r.Body); err != nil || strings.Contains(fmt.Sprint(r.Header, r.URL, string(body)), ourSecret) {
			t.Errorf("the secret is on its way: %v", err)
		}
		refuse(404, "NoSuchKey")(w, r)
	}).URL))
	if _, err := store.Load(t.Context(), "lab", "login"); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}

func TestBusyStoreIsAskedAgain(t *testing.T) {
	var asked atomic.Int32
	store := storeOf(t, person(serve(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) < tries {
			refuse(503, "SlowDown")(w, r)
			return
		}
		refuse(404, "NoSuchKey")(w, r)
	}).URL))
	if _, err := store.Load(t.Context(), "lab", "login"); !errors.Is(err, ErrNone) {
		t.Errorf("got %v, want ErrNone from the last try", err)
	}
}

// A record that got through although the answer was lost would be refused the
// second time, as if somebody else had been there.
func TestWriteWithAConditionIsMadeOnce(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		code   string
		want   error
	}{
		"somebody else was there":        {412, "PreconditionFailed", ErrChanged},
		"somebody else is there":         {409, "ConditionalRequestConflict", ErrChanged},
		"the record has gone":            {404, "NoSuchKey", ErrChanged},
		"nobody knows what has happened": {500, "InternalError", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var records, decisions atomic.Int32
			store := storeOf(t, person(serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodGet:
					refuse(404, "NoSuchKey")(w, r)
				case strings.HasSuffix(r.URL.Path, "/"+recordFile):
					if records.Add(1); r.Header.Get("If-None-Match") != "*" {
						t.Errorf("the first record is written with %v", r.Header)
					}
					refuse(c.status, c.code)(w, r)
				case strings.Contains(r.URL.Path, historyFolder):
					decisions.Add(1)
				}
			}).URL))
			err := store.Approve(t.Context(), approved("picture"), decision(Approved, "picture"))
			if err == nil || c.want != nil && !errors.Is(err, c.want) || c.want == nil && errors.Is(err, ErrChanged) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err != nil && !strings.Contains(err.Error(), "decision is in the history") {
				t.Errorf("%v does not say what has happened already", err)
			}
			if records.Load() != 1 || decisions.Load() != 1 {
				t.Errorf("%d records and %d decisions, want one of each", records.Load(), decisions.Load())
			}
		})
	}
}

func TestRecordNamesNoObjectOutsideOfItsPage(t *testing.T) {
	store := storeOf(t, person(serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/lab/login/"+recordFile) {
			t.Errorf("asks for %s", r.URL)
		}
		w.Header().Set("ETag", `"x"`)
		fmt.Fprint(w, `{"target":"lab","check":"login","sha256":"../../../other"}`)
	}).URL))
	if _, err := store.Load(t.Context(), "lab", "login"); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
}
