package baseline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// bucket keeps baselines as objects of an S3-compatible store. Of its protocol
// it needs three requests, which are written out here: a library of all of S3
// costs every start of the program milliseconds. The signature is a library's.
type bucket struct {
	location
	endpoint    endpoint
	credentials aws.CredentialsProvider
	signer      *v4.Signer
	client      *http.Client
	// timeout of one read or write, all its tries included; pause before the
	// second of them.
	timeout, pause time.Duration
}

func openBucket(text string, getenv func(string) string) (*bucket, error) {
	at, err := parseLocation(text)
	if err != nil {
		return nil, err
	}
	server, err := findEndpoint(getenv)
	if err != nil {
		return nil, err
	}
	credentials, err := findCredentials(getenv, server)
	if err != nil {
		return nil, err
	}
	client, err := newClient(getenv("AWS_CA_BUNDLE"))
	if err != nil {
		return nil, err
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	return &bucket{
		location: at, endpoint: server, credentials: credentials, signer: signer, client: client,
		timeout: time.Minute, pause: 200 * time.Millisecond,
	}, nil
}

func (b *bucket) where(name string) string { return scheme + b.bucket + "/" + b.prefix + name }

// keptAs puts the hash into the name: no approval replaces the picture of
// another, whatever happens at the same time, and pictures of before stay.
func (*bucket) keptAs(part, sum string) string {
	extension := path.Ext(part)
	return strings.TrimSuffix(part, extension) + "-" + sum + extension
}

// hold keeps nobody away: there are the versions.
func (*bucket) hold(context.Context, string, bool) (func() error, error) {
	return func() error { return nil }, nil
}

func (b *bucket) read(ctx context.Context, name string) ([]byte, version, error) {
	answer, err := b.ask(ctx, request{method: http.MethodGet, key: b.prefix + name, repeatable: true})
	if err != nil {
		return nil, absent, fmt.Errorf("read %s: %w", b.where(name), err)
	}
	switch {
	case answer.status == http.StatusOK && answer.etag == "":
		return nil, absent, fmt.Errorf("read %s: %s answers without an ETag, as no object store does: check AWS_ENDPOINT_URL", b.where(name), b.endpoint)
	case answer.status == http.StatusOK:
		return answer.content, version(answer.etag), nil
	case answer.code == noSuchKey:
		return nil, absent, fmt.Errorf("read %s: %w", b.where(name), fs.ErrNotExist)
	}
	return nil, absent, fmt.Errorf("read %s: %w", b.where(name), b.refusal(answer))
}

// write sends its condition with the content, so that the store decides who was
// first.
func (b *bucket) write(ctx context.Context, name string, content []byte, onlyIf version) error {
	r := request{method: http.MethodPut, key: b.prefix + name, content: content}
	switch onlyIf {
	case anyVersion:
		r.repeatable = true
	case absent:
		r.header, r.value = "If-None-Match", "*"
	default:
		r.header, r.value = "If-Match", string(onlyIf)
	}
	answer, err := b.ask(ctx, r)
	if err != nil {
		return fmt.Errorf("write %s: %w", b.where(name), err)
	}
	switch {
	case answer.status == http.StatusOK:
		return nil
	case !r.repeatable && answer.unmet():
		return fmt.Errorf("write %s: %w", b.where(name), errMoved)
	}
	return fmt.Errorf("write %s: %w", b.where(name), b.refusal(answer))
}

// request is one of the three that are made.
type request struct {
	method, key string
	query       url.Values
	content     []byte
	// header and value are the condition of a write, if there is one.
	header, value string
	// repeatable is a request that may reach the store twice: what has a condition
	// would be refused the second time, as if somebody else had been there.
	repeatable bool
}

// tries of a request that a busy store did not take.
const tries = 3

func (b *bucket) ask(ctx context.Context, r request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	for try := 1; ; try++ {
		got, err := b.once(ctx, r)
		again := got.busy() || r.repeatable && (got.broken() || err != nil && !hopeless(err))
		if !again || try == tries {
			return got, err
		}
		select {
		case <-ctx.Done():
			return got, errors.Join(err, b.unreachable(ctx.Err()))
		case <-time.After(b.pause<<(try-1) + rand.N(b.pause)):
		}
	}
}

func (b *bucket) once(ctx context.Context, r request) (got answer, err error) {
	sent, err := b.signed(ctx, r)
	if err != nil {
		return answer{}, err
	}
	response, err := b.client.Do(sent)
	if err != nil {
		return answer{}, b.unreachable(err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	got, err = readAnswer(response)
	if err != nil && !errors.Is(err, errTooLarge) {
		return answer{}, b.unreachable(err)
	}
	return got, err
}

func (b *bucket) signed(ctx context.Context, r request) (*http.Request, error) {
	to := b.endpoint.url(b.bucket, r.key)
	to.RawQuery = r.query.Encode()
	made, err := http.NewRequestWithContext(ctx, r.method, to.String(), bytes.NewReader(r.content))
	if err != nil {
		return nil, err
	}
	// The store holds the content against the hash, so that nothing is kept that
	// was changed on the way.
	sum := Hash(r.content)
	made.Header.Set("X-Amz-Content-Sha256", sum)
	if kind := mime.TypeByExtension(path.Ext(r.key)); r.method == http.MethodPut && kind != "" {
		// For people who open it in the console of the store.
		made.Header.Set("Content-Type", kind)
	}
	if r.header != "" {
		made.Header.Set(r.header, r.value)
	}
	keys, err := b.credentials.Retrieve(ctx)
	if err != nil {
		return nil, &credentialsError{err}
	}
	if err := b.signer.SignHTTP(ctx, keys, made, sum, "s3", b.endpoint.region, time.Now()); err != nil {
		return nil, fmt.Errorf("sign request: %w", err)
	}
	return made, nil
}

// readAnswer reads no more than an object of ours, or the few lines of an error.
func readAnswer(response *http.Response) (answer, error) {
	got := answer{status: response.StatusCode, etag: response.Header.Get("ETag"), region: response.Header.Get("X-Amz-Bucket-Region")}
	var err error
	if got.status != http.StatusOK {
		got.content, err = io.ReadAll(io.LimitReader(response.Body, 64<<10))
		got.code = errorCode(got.content)
		return got, err
	}
	if response.ContentLength <= largest {
		got.content, err = io.ReadAll(io.LimitReader(response.Body, largest+1))
	}
	if err == nil && (response.ContentLength > largest || len(got.content) > largest) {
		return got, errTooLarge
	}
	return got, err
}
