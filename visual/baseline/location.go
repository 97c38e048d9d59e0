package baseline

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

const scheme = "s3://"

// inBucket tells a bucket from a folder. What looks like the URL of anything is
// no folder: a mistyped scheme would become one with a strange name.
func inBucket(location string) bool { return strings.Contains(location, "://") }

// location is a prefix in a bucket.
type location struct {
	bucket string
	// prefix of every key: empty, or with a slash at its end.
	prefix string
}

var (
	// bucketName is what S3 allows since 2018: safe in a host name and a path.
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	// segment of a prefix: no character that needs an escape, which proxies and
	// stores do not agree about, and nothing that a path would take for a parent.
	segment = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`)
)

func parseLocation(text string) (location, error) {
	rest, isS3 := strings.CutPrefix(text, scheme)
	if !isS3 {
		kind, _, _ := strings.Cut(text, "://")
		return location{}, fmt.Errorf("baselines cannot be kept in %q: give a folder or s3://BUCKET/PREFIX", kind+"://…")
	}
	if strings.ContainsAny(rest, "@?#") {
		// Not repeated: what stands there may be a secret.
		return location{}, errors.New("an s3:// location is bucket and prefix only: keys and endpoint come from the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL)")
	}
	bucket, prefix, _ := strings.Cut(rest, "/")
	if !bucketName.MatchString(bucket) || strings.Contains(bucket, "..") {
		return location{}, fmt.Errorf("%q is no name of a bucket: write s3://BUCKET/PREFIX, the bucket in 3 to 63 small letters, digits, dots and hyphens", bucket)
	}
	prefix = strings.TrimSuffix(prefix, "/")
	if prefix == "" {
		return location{bucket: bucket}, nil
	}
	for name := range strings.SplitSeq(prefix, "/") {
		if !segment.MatchString(name) {
			return location{}, fmt.Errorf("%q cannot be part of a prefix: use letters, digits and . _ - between single slashes", name)
		}
	}
	if len(prefix) > 512 {
		return location{}, errors.New("the prefix is longer than 512 bytes")
	}
	return location{bucket: bucket, prefix: prefix + "/"}, nil
}

// endpoint is the server that a bucket is asked of.
type endpoint struct {
	base *url.URL
	// aws knows buckets by host name; any other server is asked by path, as it
	// needs no wildcards in DNS and certificate for that.
	aws    bool
	region string
}

// plainHTTP is the variable that allows what would show pictures of a login to
// everyone on the way.
const plainHTTP = "TOCSIN_S3_PLAIN_HTTP"

func findEndpoint(getenv func(string) string) (endpoint, error) {
	region := first(getenv, "AWS_REGION", "AWS_DEFAULT_REGION")
	if region == "" {
		region = "us-east-1"
	}
	if !bucketName.MatchString(region) {
		return endpoint{}, errors.New("AWS_REGION is no name of a region such as eu-central-1")
	}
	variable := "AWS_ENDPOINT_URL_S3"
	text := getenv(variable)
	if text == "" {
		variable = "AWS_ENDPOINT_URL"
		text = getenv(variable)
	}
	if text == "" {
		return endpoint{base: &url.URL{Scheme: "https", Host: "s3." + region + "." + domain(region)}, aws: true, region: region}, nil
	}
	base, err := url.Parse(text)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.RawQuery != "" || base.Fragment != "" {
		return endpoint{}, fmt.Errorf("%s is no URL of a server: write https://HOST or https://HOST:PORT", variable)
	}
	if base.User != nil {
		return endpoint{}, fmt.Errorf("%s has a user in it: keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", variable)
	}
	if base.Scheme == "http" && !loopback(base.Hostname()) && getenv(plainHTTP) != "1" {
		return endpoint{}, fmt.Errorf("%s is plain http to %s, where pictures could be read and changed on the way: use https, or set %s=1 if you must", variable, base.Host, plainHTTP)
	}
	base.Path = strings.TrimSuffix(base.Path, "/")
	return endpoint{base: base, region: region}, nil
}

// domain of S3 in a region.
func domain(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// url of an object. A bucket with dots in its name is asked by path on AWS, too:
// the certificate's wildcard covers one label.
func (e endpoint) url(bucket, key string) *url.URL {
	target := *e.base
	if e.aws && !strings.Contains(bucket, ".") {
		target.Host = bucket + "." + target.Host
		target.Path += "/" + key
		return &target
	}
	target.Path += "/" + bucket + "/" + key
	return &target
}

// host for people.
func (e endpoint) String() string {
	if host, port, err := net.SplitHostPort(e.base.Host); err == nil && port == "443" {
		return host
	}
	return e.base.Host
}

func first(getenv func(string) string, names ...string) string {
	for _, name := range names {
		if value := getenv(name); value != "" {
			return value
		}
	}
	return ""
}
