package pkcs11pool

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/miekg/pkcs11"
)

// Custody is how the token holds one private or secret key.
type Custody struct {
	// ID is CKA_ID in hexadecimal.
	ID    string `json:"id"`
	Label string `json:"label"`
	// Secret tells a symmetric key from a private one.
	Secret      bool `json:"secret"`
	Sensitive   bool `json:"sensitive"`
	Extractable bool `json:"extractable"`
	// NeverExtractable and AlwaysSensitive can hold only for keys that the
	// token made for itself: PKCS#11 denies them to whatever was unwrapped.
	NeverExtractable bool `json:"never_extractable"`
	AlwaysSensitive  bool `json:"always_sensitive"`
}

// Fault says what is wrong with how the key is held; empty when nothing is.
func (c Custody) Fault() string {
	own := c.Label == transportLabel || c.Label == attestLabel
	switch {
	case c.Secret:
		return "a symmetric key that should have been destroyed"
	case !own && !isSigning(c.Label):
		return "not a key of this system"
	case !c.Sensitive:
		return "its value can be read"
	case c.Extractable:
		return "it can be wrapped and taken out"
	case own && (!c.NeverExtractable || !c.AlwaysSensitive):
		return "it was not made here, or could once be taken out"
	}
	return ""
}

// Audit reports how every private and secret key that stays in the token is held.
func (p *Pool) Audit(ctx context.Context) ([]Custody, error) {
	var found []Custody
	err := p.do(ctx, func(s *session) (err error) {
		found, err = audit(p.library.ctx, s.handle)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("audit token: %w", err)
	}
	return found, nil
}

func audit(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle) ([]Custody, error) {
	var found []Custody
	for _, class := range []uint{pkcs11.CKO_PRIVATE_KEY, pkcs11.CKO_SECRET_KEY} {
		// Session objects are those of a key being made or taken in right now.
		objects, err := findAll(ctx, handle,
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, class), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true))
		if err != nil {
			return nil, err
		}
		for _, object := range objects {
			attributes, err := ctx.GetAttributeValue(handle, object, []*pkcs11.Attribute{
				pkcs11.NewAttribute(pkcs11.CKA_ID, nil), pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil),
				pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, nil), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, nil),
				pkcs11.NewAttribute(pkcs11.CKA_NEVER_EXTRACTABLE, nil), pkcs11.NewAttribute(pkcs11.CKA_ALWAYS_SENSITIVE, nil),
			})
			if err != nil {
				return nil, fmt.Errorf("C_GetAttributeValue: %w", err)
			}
			found = append(found, Custody{
				ID: hex.EncodeToString(attributes[0].Value), Label: string(attributes[1].Value),
				Secret:    class == pkcs11.CKO_SECRET_KEY,
				Sensitive: truth(attributes[2]), Extractable: truth(attributes[3]),
				NeverExtractable: truth(attributes[4]), AlwaysSensitive: truth(attributes[5]),
			})
		}
	}
	return found, nil
}

func truth(attribute *pkcs11.Attribute) bool {
	return len(attribute.Value) == 1 && attribute.Value[0] != 0
}
