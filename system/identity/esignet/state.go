package esignet

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tocsin/system/identity/attempts"
	"tocsin/system/identity/transaction"
)

// The headers that bind a step to the response of oauth-details.
const (
	keyHeader  = "Oauth-Details-Key"
	hashHeader = "Oauth-Details-Hash"
)

// Kinds of volatile values.
const (
	transactionKind = "esignet-transaction"
	blockedKind     = "esignet-blocked"
)

const (
	// maxAttempts is how often a step may be tried in one transaction.
	maxAttempts = 3
	// blockTime is how long an individual id is blocked after that.
	blockTime = 10 * time.Minute
	// maxKey bounds the id of a transaction, in characters.
	maxKey = 64
)

// state is a transaction between two steps. The store sees nothing of it but
// the hash.
type state struct {
	Sealed string `json:"t"`
	// Hash is that of the response of oauth-details, in base64url.
	Hash string `json:"h"`
	// Known says that the person has allowed before what is asked.
	Known bool `json:"k,omitempty"`

	id          string
	transaction *transaction.Transaction
}

// hashOf is over the very bytes that were sent.
func hashOf(response []byte) string {
	sum := sha256.Sum256(response)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// keep stores a transaction that begins.
func (s *Surface) keep(ctx context.Context, id, sealed, hash string, t *transaction.Transaction) error {
	value, err := json.Marshal(state{Sealed: sealed, Hash: hash})
	if err != nil {
		return fmt.Errorf("encode transaction: %w", err)
	}
	if err := s.config.Volatile.Put(ctx, transactionKind, id, value, t.Expires.Sub(s.config.Now())); err != nil {
		return fmt.Errorf("keep transaction: %w", err)
	}
	return nil
}

// continued returns the transaction that r goes on with. That it is gone is
// said only when the store answered.
func (s *Surface) continued(r *http.Request) (*state, error) {
	id, hash := r.Header.Get(keyHeader), strings.TrimRight(r.Header.Get(hashHeader), "=")
	if id == "" || hash == "" {
		return nil, refuse(missingHeader, "oauth-details-key and oauth-details-hash are both needed")
	}
	gone := refuse(invalidTransaction, "the transaction is not known or has expired")
	if len(id) > maxKey {
		return nil, gone
	}
	value, err := s.config.Volatile.Get(r.Context(), transactionKind, id)
	if isUnknown(err) {
		return nil, gone
	}
	if err != nil {
		return nil, fmt.Errorf("read transaction: %w", err)
	}
	kept := &state{id: id}
	if err := json.Unmarshal(value, kept); err != nil {
		return nil, fmt.Errorf("decode transaction: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(kept.Hash), []byte(hash)) != 1 {
		return nil, refuse(invalidRequest, "oauth-details-hash is not that of the response of oauth-details")
	}
	kept.transaction, err = s.config.Sealer.Open(kept.Sealed)
	if errors.Is(err, transaction.ErrForged) { // the pepper was replaced and the old one dropped
		return nil, gone
	}
	return kept, err
}

// advance stores what the transaction has become.
func (s *Surface) advance(ctx context.Context, kept *state, t *transaction.Transaction) (err error) {
	kept.transaction = t
	if kept.Sealed, err = s.config.Sealer.Seal(t); err != nil {
		return err
	}
	value, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("encode transaction: %w", err)
	}
	err = s.config.Volatile.Update(ctx, transactionKind, kept.id, value, t.Expires.Sub(s.config.Now()))
	if isUnknown(err) {
		return refuse(invalidTransaction, "the transaction has expired")
	}
	if err != nil {
		return fmt.Errorf("keep transaction: %w", err)
	}
	return nil
}

// matches refuses a body that is about another transaction than the headers.
func (k *state) matches(transactionID string) error {
	if transactionID != k.id {
		return refuse(invalidTransaction, "transactionId is not that of the oauth-details-key header")
	}
	return nil
}

// attempt counts a try of step for individualID before anything is looked at,
// so that tries made in parallel count too. forget takes it back.
func (s *Surface) attempt(ctx context.Context, step string, kept *state, individualID string) (forget func(), err error) {
	switch _, err := s.config.Volatile.Get(ctx, blockedKind, individualID); {
	case err == nil:
		return nil, refuse(individualIDBlocked, "there were too many attempts with this id; try again later")
	case !isUnknown(err):
		return nil, fmt.Errorf("look for block: %w", err)
	}
	key := attempts.Key{Name: "esignet:" + step + ":" + kept.id, Window: kept.transaction.Expires.Sub(s.config.Now())}
	counts, err := s.config.Attempts.Count(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("count attempt: %w", err)
	}
	if counts[0] > maxAttempts {
		if err := s.config.Volatile.Put(ctx, blockedKind, individualID, []byte{1}, blockTime); err != nil {
			// The transaction is at its end all the same.
			s.config.Log.WarnContext(ctx, "individual id is not blocked", "error", err)
		}
		return nil, refuse(noAttemptsLeft, "there are no attempts left in this transaction")
	}
	return func() {
		if err := s.config.Attempts.Forget(context.WithoutCancel(ctx), key); err != nil {
			s.config.Log.WarnContext(ctx, "attempt stays counted", "error", err)
		}
	}, nil
}
