package baseline

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// containerHost is where ECS answers for AWS_CONTAINER_CREDENTIALS_RELATIVE_URI.
const containerHost = "http://169.254.170.2"

// roleCredentials are those of the container (ECS, EKS Pod Identity) or of the
// EC2 machine, which change every few hours. The machine is asked only on the
// way to AWS: anywhere else the question would wait for nobody.
func roleCredentials(getenv func(string) string, e endpoint) (aws.CredentialsProvider, error) {
	relative, full := getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if relative != "" {
		full = containerHost + "/" + strings.TrimPrefix(relative, "/")
	}
	if full != "" {
		if err := checkContainer(full); err != nil {
			return nil, err
		}
		return containerCredentials(full, getenv), nil
	}
	if !e.aws || strings.EqualFold(getenv("AWS_EC2_METADATA_DISABLED"), "true") {
		return nil, nil
	}
	client := imds.New(imds.Options{HTTPClient: directly(), Retryer: twice()})
	return aws.NewCredentialsCache(ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = client })), nil
}

func containerCredentials(address string, getenv func(string) string) aws.CredentialsProvider {
	return aws.NewCredentialsCache(endpointcreds.New(address, func(o *endpointcreds.Options) {
		o.HTTPClient, o.Retryer = directly(), twice()
		o.AuthorizationToken = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
		if file := getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
			o.AuthorizationTokenProvider = endpointcreds.TokenProviderFunc(func() (string, error) {
				token, err := os.ReadFile(file)
				return strings.TrimSpace(string(token)), err
			})
		}
	}))
}

// checkContainer keeps the token of a container from being sent to a stranger.
func checkContainer(address string) error {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" {
		return errors.New("AWS_CONTAINER_CREDENTIALS_FULL_URI is no URL")
	}
	host := parsed.Hostname()
	if parsed.Scheme == "https" || loopback(host) {
		return nil
	}
	switch ip, err := netip.ParseAddr(host); {
	case err != nil:
	case ip == netip.MustParseAddr("169.254.170.2"), ip == netip.MustParseAddr("169.254.170.23"), ip == netip.MustParseAddr("fd00:ec2::23"):
		return nil
	}
	return fmt.Errorf("AWS_CONTAINER_CREDENTIALS_FULL_URI names %s: keys are fetched by https, or from the addresses of ECS, EKS or this machine", host)
}

// directly asks without a proxy, and gives up soon: who answers is next door.
func directly() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Second}
}

func twice() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = 2 })
}
