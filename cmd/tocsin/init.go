package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tocsin/internal/target"
	"tocsin/probes/enroll"
	"tocsin/probes/journey"
	"tocsin/probes/oidc"
)

type initOptions struct {
	client                   enroll.Client
	issuer, output           string
	secretFile, passwordFile string
	force                    bool
}

func (a *app) initCommand() *cobra.Command {
	var options initOptions
	command := &cobra.Command{
		Use:   "init",
		Short: "Write a target file by asking an OpenID provider what it can do",
		Long: `Write a target file by asking an OpenID provider what it can do.

Register a client at the provider first, and a synthetic person who may log in.
The redirect URI need not exist: it is never followed. Secrets are written into
files of their own beside the target file, readable by you alone.`,
		Example: `  tocsin init --issuer https://id.example.org --client-id tocsin --client-secret-file secret \
    --redirect-uri https://id.example.org/synthetic --username probe --password-file pin --output target.yaml
  tocsin --target target.yaml probe run login`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return a.enroll(command.Context(), options) },
	}
	flags := command.Flags()
	flags.StringVar(&options.issuer, "issuer", "", "`URL` of the provider, as its discovery document names it")
	flags.StringVar(&options.client.ID, "client-id", "", "`ID` of the client")
	flags.StringVar(&options.client.Secret, "client-secret", "", "`SECRET` of the client (others on this machine can see it: prefer --client-secret-file)")
	flags.StringVar(&options.secretFile, "client-secret-file", "", "read the secret of the client from `FILE`")
	flags.StringVar(&options.client.KeyFile, "key-file", "", "private JWK of the client, for private_key_jwt, in `FILE`")
	flags.StringVar(&options.client.RedirectURI, "redirect-uri", "", "redirect `URI` that the client is registered with")
	flags.StringVar(&options.client.Username, "username", "", "`NAME` that the synthetic person logs in with")
	flags.StringVar(&options.client.Password, "password", "", "`PASSWORD` of the person (others on this machine can see it: prefer --password-file)")
	flags.StringVar(&options.passwordFile, "password-file", "", "read the password of the person from `FILE`")
	flags.StringVar(&options.client.CAFile, "ca-file", "", "trust the certificates in `FILE` instead of those of this machine")
	flags.StringVar(&options.client.Name, "name", "", "call the target `NAME` (default: the host of the issuer)")
	flags.StringVar(&options.output, "output", "target.yaml", "write the target file to `FILE`")
	flags.BoolVar(&options.force, "force", false, "replace files that exist already")
	for _, name := range []string{"issuer", "client-id", "redirect-uri", "username"} {
		// The flag was defined above; marking it cannot fail.
		_ = command.MarkFlagRequired(name)
	}
	command.MarkFlagsMutuallyExclusive("client-secret", "client-secret-file", "key-file")
	command.MarkFlagsMutuallyExclusive("password", "password-file")
	command.MarkFlagsOneRequired("password", "password-file")
	return command
}

// enroll asks the provider, writes the files, and reads them back.
func (a *app) enroll(ctx context.Context, options initOptions) error {
	if err := options.readSecrets(); err != nil {
		return usageError(err)
	}
	if err := target.CheckIssuer(options.issuer); err != nil {
		return usageError(fmt.Errorf("--issuer: %w", err))
	}
	base := journey.Config{Target: "init"}
	if file := options.client.CAFile; file != "" {
		roots, err := (&target.Target{TLS: target.TLS{CAFile: file}}).Roots()
		if err != nil {
			return usageError(err)
		}
		base.Roots = roots
	} else if roots, err := x509.SystemCertPool(); err == nil {
		base.Roots = roots
	}
	provider, result, err := oidc.Look(ctx, base, options.issuer)
	if err != nil {
		return usageError(err)
	}
	if !result.Verdict.Good() {
		return &exitError{code: result.Verdict.ExitCode(), err: fmt.Errorf("ask %s: %s (%s); nothing was written", options.issuer, result.Detail, result.Reason)}
	}
	enrolled, err := enroll.New(options.client, provider)
	if err != nil {
		return usageError(err)
	}
	written, err := enrolled.Write(options.output, options.force)
	if errors.Is(err, enroll.ErrExists) {
		return usageError(fmt.Errorf("%w: add --force to replace it, or choose another --output", err))
	}
	if err != nil {
		return unknownError(err)
	}
	if _, err := target.Load(options.output); err != nil {
		return usageError(fmt.Errorf("the file was written, but it is not right yet: %w", err))
	}
	return a.printEnrolled(enrolled, written)
}

// readSecrets takes secrets from files where they were given as such.
func (o *initOptions) readSecrets() error {
	for path, into := range map[string]*string{o.secretFile: &o.client.Secret, o.passwordFile: &o.client.Password} {
		if path == "" {
			continue
		}
		secret, err := target.ReadSecret(path)
		if err != nil {
			return err
		}
		*into = secret
	}
	if o.client.KeyFile != "" {
		if _, err := os.Stat(o.client.KeyFile); err != nil {
			return fmt.Errorf("--key-file: %w", err)
		}
	}
	return nil
}

func (a *app) printEnrolled(enrolled *enroll.Enrolled, written []string) error {
	path := written[len(written)-1]
	if a.json {
		return a.printJSON(map[string]any{
			"target": path, "files": written, "name": enrolled.Name, "issuer": enrolled.Provider.Issuer, "auth": enrolled.Auth,
			"scopes": enrolled.Scopes, "features": enrolled.Features, "warnings": enrolled.Doubts,
		})
	}
	var text strings.Builder
	fmt.Fprintf(&text, "found      %s\n", enrolled.Provider.Issuer)
	fmt.Fprintf(&text, "client     %s, by %s\n", enrolled.ID, enrolled.Auth)
	fmt.Fprintf(&text, "announces  %s\n", strings.Join(enrolled.Features, ", "))
	for _, doubt := range enrolled.Doubts {
		fmt.Fprintf(&text, "warning    %s\n", doubt)
	}
	for _, file := range written {
		fmt.Fprintf(&text, "wrote      %s\n", filepath.Clean(file))
	}
	fmt.Fprintf(&text, "\nNext:\n  tocsin --target %[1]s probe run login    one whole login: the steps and their times\n"+
		"  tocsin --target %[1]s probe list         what else can be probed\n  tocsin --target %[1]s serve              probe all day\n", path)
	if _, err := fmt.Fprint(a.stdout, text.String()); err != nil {
		return fmt.Errorf("print what was found: %w", err)
	}
	return nil
}
