package metadata

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"

	"golang.org/x/text/language"

	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/message"
)

const (
	signedType = "openidvci-issuer-metadata+jwt" // OpenID4VCI 1.0, 12.2.3
	maxAge     = "public, max-age=300"
	// renewal is how old signed metadata gets, life how long it is valid: the
	// longest loss of the signing key that wallets survive.
	renewal = time.Hour
	life    = 24 * time.Hour
)

// Signer makes signed metadata, with the certificates in x5c.
type Signer interface {
	JWT(ctx context.Context, typ string, claims any) (string, error)
}

// Issuer serves credential issuer metadata.
type Issuer struct {
	issuer    string
	signer    Signer
	now       func() time.Time
	log       *slog.Logger
	matcher   language.Matcher
	languages []string // "", for all of them, first
	plain     map[string]*plain

	mu     sync.Mutex
	signed map[string]*signed
}

// plain is the metadata in one language, or in all of them.
type plain struct {
	text, tag string
}

type signed struct {
	token string
	made  time.Time
}

// NewIssuer renders the metadata of set. Attestations says whether key
// attestations are taken.
func NewIssuer(set *configuration.Set, keys *message.Keys, attestations bool, signer Signer, now func() time.Time, log *slog.Logger) (*Issuer, error) {
	i := &Issuer{
		issuer: set.Issuer, signer: signer, now: now, log: log,
		languages: []string{""}, plain: map[string]*plain{}, signed: map[string]*signed{},
	}
	tags := []language.Tag{language.Und}
	for _, name := range languages(set) {
		tag, err := language.Parse(name)
		if err != nil {
			return nil, fmt.Errorf("render issuer metadata: language %q: %w", name, err)
		}
		tags = append(tags, tag)
		i.languages = append(i.languages, name)
	}
	i.matcher = language.NewMatcher(tags)
	for _, name := range i.languages {
		text, err := json.Marshal(build(set, keys, attestations, name))
		if err != nil {
			return nil, fmt.Errorf("render issuer metadata: %w", err)
		}
		i.plain[name] = &plain{text: string(text), tag: tagOf(text)}
	}
	return i, nil
}

func tagOf(text []byte) string {
	hash := sha256.Sum256(text)
	return `"` + base64.RawURLEncoding.EncodeToString(hash[:12]) + `"`
}

// ServeHTTP answers GET /.well-known/openid-credential-issuer.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := i.languageOf(r.Header.Get("Accept-Language"))
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Vary", "Accept, Accept-Language")
	header.Set("Cache-Control", maxAge)
	if name != "" {
		header.Set("Content-Language", name)
	}
	if prefersSigned(r.Header.Get("Accept")) {
		token, err := i.sign(r.Context(), name)
		if err != nil {
			oautherr.WriteJSON(w, r, i.log, err)
			return
		}
		header.Set("Content-Type", "application/jwt")
		fmt.Fprint(w, token)
		return
	}
	document := i.plain[name]
	header.Set("ETag", document.tag)
	if r.Header.Get("If-None-Match") == document.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", "application/json")
	fmt.Fprint(w, document.text)
}

// languageOf returns the language to answer in, "" for all of them.
func (i *Issuer) languageOf(accepted string) string {
	if accepted == "" || len(accepted) > maxHeader {
		return ""
	}
	tags, _, err := language.ParseAcceptLanguage(accepted)
	if err != nil {
		return ""
	}
	_, index, confidence := i.matcher.Match(tags...)
	if confidence == language.No {
		return ""
	}
	return i.languages[index]
}

// sign returns the signed metadata, made anew at times. What was made before
// is still good while it cannot be signed.
func (i *Issuer) sign(ctx context.Context, name string) (string, error) {
	i.mu.Lock()
	known := i.signed[name]
	i.mu.Unlock()
	now := i.now()
	if known != nil && now.Sub(known.made) < renewal {
		return known.token, nil
	}
	token, err := i.make(ctx, name, now)
	if err != nil {
		if known != nil && now.Sub(known.made) < life {
			i.log.WarnContext(ctx, "signed issuer metadata not renewed", "error", err)
			return known.token, nil
		}
		return "", err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.signed[name] = &signed{token: token, made: now}
	return token, nil
}

func (i *Issuer) make(ctx context.Context, name string, now time.Time) (string, error) {
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(i.plain[name].text), &members); err != nil {
		return "", fmt.Errorf("sign issuer metadata: %w", err)
	}
	claims := make(map[string]any, len(members)+4)
	maps.Copy(claims, map[string]any{"iss": i.issuer, "sub": i.issuer, "iat": now.Unix(), "exp": now.Add(life).Unix()})
	for member, value := range members {
		claims[member] = value
	}
	token, err := i.signer.JWT(ctx, signedType, claims)
	if err != nil {
		return "", fmt.Errorf("sign issuer metadata: %w", err)
	}
	return token, nil
}
