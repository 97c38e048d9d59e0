package mockid

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"os"
	"time"

	"tocsin/system/authenticator"
)

// System is the mock ID system.
type System struct {
	keys    *keys
	persons map[string]*person
	ranges  []Range
	outbox  *outbox
	gallery gallery
	now     func() time.Time
}

var _ authenticator.Authenticator = (*System)(nil)

// person is somebody as answers need them.
type person struct {
	id           string
	pin          []byte // keyed hash
	email, phone string
	claims       map[string]any
	portrait     []byte // JPEG; nil when one is to be drawn
}

// factors are what the system can check. A wallet is simulated: approving on
// its screen takes the PIN.
func factors() []authenticator.Factor {
	return []authenticator.Factor{authenticator.PIN, authenticator.OTP, authenticator.Wallet}
}

// load reads all that config names.
func load(config *Config, outbox *outbox, now func() time.Time) (*System, error) {
	secret, err := loadSecret(string(config.Secret))
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(string(config.Persons))
	if err != nil {
		return nil, fmt.Errorf("read persons: %w", err)
	}
	file, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", config.Persons, err)
	}
	keys, err := deriveKeys(secret)
	if err != nil {
		return nil, err
	}
	s := &System{keys: keys, persons: map[string]*person{}, ranges: file.Ranges, outbox: outbox, now: now}
	for _, listed := range file.Persons {
		made := &person{
			id: listed.IndividualID, pin: mac(keys.pin, listed.IndividualID, listed.PIN),
			email: listed.Email, phone: listed.Phone, claims: listed.Claims,
		}
		if listed.Portrait != "" {
			if made.portrait, err = readPortrait(string(config.Persons), listed.Portrait); err != nil {
				return nil, fmt.Errorf("person %s: %w", listed.IndividualID, err)
			}
		}
		s.persons[made.id] = made
	}
	return s, nil
}

// find returns the person with id, or a decoy whose PIN nobody knows. Both cost
// the same: the hash of a listed person is not used, but made all the same.
func (s *System) find(id string) (found *person, known bool) {
	pin, synthetic := "", false
	for i := range s.ranges {
		if s.ranges[i].holds(id) {
			pin, synthetic = s.ranges[i].PIN, true
			break
		}
	}
	made := mac(s.keys.pin, id, pin)
	if listed, known := s.persons[id]; known {
		return listed, true
	}
	if synthetic {
		return s.synthetic(id, made), true
	}
	return &person{id: id, pin: mac(s.keys.synthetic, id)}, false
}

// synthetic returns the person of a range.
func (s *System) synthetic(id string, pin []byte) *person {
	gender := "female"
	sum := mac(s.keys.synthetic, id)
	if sum[0]&1 == 1 {
		gender = "male"
	}
	return &person{
		id: id, pin: pin, email: "person" + id + "@example.org", phone: "+999" + id,
		claims: map[string]any{
			"name": "Load Person " + id, "given_name": "Load", "family_name": "Person " + id, "gender": gender,
			"birthdate": fmt.Sprintf("%d-%02d-%02d", 1940+int(sum[1])%65, 1+int(sum[2])%12, 1+int(sum[3])%28),
			"address":   map[string]any{"formatted": "1 Load Street, Example", "country": "ZZ"},
		},
	}
}

// Authenticate implements authenticator.Authenticator.
func (s *System) Authenticate(_ context.Context, attempt authenticator.Attempt) (string, error) {
	found, known := s.find(attempt.IndividualID)
	var right bool
	switch attempt.Factor {
	case authenticator.PIN, authenticator.Wallet:
		right = subtle.ConstantTimeCompare(found.pin, mac(s.keys.pin, attempt.IndividualID, attempt.Challenge)) == 1
	case authenticator.OTP:
		right = s.codeRight(attempt.Transaction, attempt.IndividualID, attempt.Challenge)
	default:
		return "", authenticator.ErrUnsupported
	}
	if !right || !known {
		return "", authenticator.ErrMismatch
	}
	return s.keys.reference(found.id), nil
}

// SendOTP implements authenticator.Authenticator.
func (s *System) SendOTP(_ context.Context, transaction, individualID string) (*authenticator.Delivery, error) {
	found, known := s.find(individualID)
	code := s.codeAt(s.step(), transaction, individualID)
	letter := message{
		Transaction: transaction, IndividualID: individualID, Email: found.email, Phone: found.phone, Code: code, Sent: s.now().UTC(),
	}
	if err := s.outbox.put(letter, known); err != nil {
		return nil, fmt.Errorf("send one-time code: %w", err)
	}
	return s.masked(found), nil
}

// masked returns where a code went. What a person does not have, or who does
// not exist, gets something that looks alike: else the mask would tell.
func (s *System) masked(p *person) *authenticator.Delivery {
	made := mac(s.keys.mask, p.id)
	email := string(rune('a'+made[0]%26)) + "***@***"
	if p.email != "" {
		email = string([]rune(p.email)[:1]) + "***@***"
	}
	phone := fmt.Sprintf("***%02d", made[1]%100)
	if len(p.phone) >= 2 {
		phone = "***" + p.phone[len(p.phone)-2:]
	}
	return &authenticator.Delivery{MaskedEmail: email, MaskedPhone: phone}
}

// Claims implements authenticator.Authenticator.
func (s *System) Claims(_ context.Context, reference string, names []string) (map[string]any, error) {
	id, sealed := s.keys.individual(reference)
	if !sealed {
		return nil, authenticator.ErrUnknown
	}
	found, known := s.find(id)
	if !known {
		return nil, authenticator.ErrUnknown
	}
	claims := make(map[string]any, len(names))
	for _, name := range names {
		value, err := s.claim(found, name)
		if err != nil {
			return nil, err
		}
		if value != nil {
			claims[name] = value
		}
	}
	return claims, nil
}

// claim returns one claim, nil when it is not known.
func (s *System) claim(p *person, name string) (any, error) {
	switch {
	case name == "email" && p.email != "":
		return p.email, nil
	case name == "email_verified" && p.email != "":
		return true, nil
	case name == "phone_number" && p.phone != "":
		return p.phone, nil
	case name == "phone_number_verified" && p.phone != "":
		return true, nil
	case name == "individual_id":
		return p.id, nil
	case name == "portrait", name == "picture":
		encoded, err := s.portrait(p)
		if err == nil && name == "picture" { // a URL (OpenID Connect Core, 5.1)
			encoded = "data:image/jpeg;base64," + encoded
		}
		return encoded, err
	}
	return p.claims[name], nil
}

// portrait returns a JPEG in base64.
func (s *System) portrait(p *person) (string, error) {
	if p.portrait != nil {
		return base64.StdEncoding.EncodeToString(p.portrait), nil
	}
	return s.gallery.portrait(p.id)
}
