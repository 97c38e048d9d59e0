package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"tocsin/system/identity/keyset"
	"tocsin/system/identity/secret"
	"tocsin/system/internal/trace"
)

// rotateTimeout bounds a rotation: making RSA keys takes an HSM tens of seconds,
// and another process may be making them already.
const rotateTimeout = 3 * time.Minute

// Rotation is what happens with the keys of one use, and when.
type Rotation struct {
	Use keyset.Use `json:"use"`
	// Within is how long it takes until every zone publishes a key, in seconds.
	Within float64 `json:"published_within_seconds"`
	// Refused is how long, from then on, clients that cached the keys may refuse
	// what the new ones sign, in seconds; 0 unless they sign at once.
	Refused float64   `json:"refused_for_seconds,omitempty"`
	Keys    []NextKey `json:"keys"`
}

// NextKey is a key that is made and published, and does not sign yet.
type NextKey struct {
	KeyID     string    `json:"kid"`
	Algorithm string    `json:"alg"`
	Replaces  string    `json:"replaces"`
	Published time.Time `json:"published"`
	Signs     time.Time `json:"signs"`
	// Made is false when the key was on its way already.
	Made bool `json:"made"`
}

// Text writes the rotation as lines for people.
func (r *Rotation) Text(out io.Writer) error {
	for _, key := range r.Keys {
		state := fmt.Sprintf("published now (in every zone within %.0f s)", r.Within)
		if !key.Made {
			state = "was on its way already, published " + key.Published.Format(time.RFC3339)
		}
		_, err := fmt.Fprintf(out, "%s %s: key %s %s; signs from %s on in place of %s, which stays published until all it signed has expired\n",
			r.Use, key.Algorithm, key.KeyID, state, key.Signs.Format(time.RFC3339), key.Replaces)
		if err != nil {
			return fmt.Errorf("write rotation: %w", err)
		}
	}
	if r.Refused == 0 {
		return nil
	}
	if _, err := fmt.Fprintf(out, "clients that cached the keys refuse what these sign for up to %.0f s\n", r.Refused); err != nil {
		return fmt.Errorf("write rotation: %w", err)
	}
	return nil
}

// RotateKeys makes the next keys of use (keyset.Token or keyset.Credential) now,
// unless they are on their way, and returns what comes of it. Doing it again is
// safe. With now they sign as soon as every zone publishes them, for when the
// current keys are lost or must sign no more; once they do, doing it again makes
// others. It logs JSON lines to out.
func RotateKeys(ctx context.Context, config *Config, use keyset.Use, now bool, out io.Writer) (rotation *Rotation, err error) {
	ctx, cancel := context.WithTimeout(ctx, rotateTimeout)
	defer cancel()
	log := trace.NewLogger(out, "rotate-keys", config.Zone)
	secrets, err := secret.Load(string(config.Secrets.Pepper))
	if err != nil {
		return nil, err
	}
	opened, err := openStores(ctx, config, secrets, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, opened.close()) }()
	set, err := newKeySet(config)
	if err != nil {
		return nil, err
	}
	keeper := keyset.NewKeeper(set, opened.ring, opened.hsm, log)
	// The first keys of all are the providers' to make: there is nothing yet
	// that could be followed.
	before, err := keeper.Upcoming(ctx, use)
	if err != nil {
		return nil, fmt.Errorf("rotate %s keys: %w", use, err)
	}
	rotate := keeper.Rotate
	if now {
		rotate = keeper.RotateNow
	}
	if err := rotate(ctx, use); err != nil {
		return nil, fmt.Errorf("rotate %s keys: %w", use, err)
	}
	after, err := keeper.Upcoming(ctx, use)
	if err != nil {
		return nil, fmt.Errorf("rotate %s keys: %w", use, err)
	}
	rotation = rotationOf(use, set.Interval(), before, after)
	if now {
		rotation.Refused = set.MaxAge().Seconds()
	}
	return rotation, nil
}

func rotationOf(use keyset.Use, within time.Duration, before, after []keyset.Upcoming) *Rotation {
	known := map[string]bool{}
	for _, key := range before {
		known[key.KeyID] = true
	}
	rotation := &Rotation{Use: use, Within: within.Seconds(), Keys: []NextKey{}}
	for _, key := range after {
		rotation.Keys = append(rotation.Keys, NextKey{
			KeyID: key.KeyID, Algorithm: string(key.Algorithm), Replaces: key.Replaces,
			Published: key.Published.UTC(), Signs: key.Signs.UTC(), Made: !known[key.KeyID],
		})
	}
	return rotation
}
