package pkcs11pool

import (
	"context"
	"crypto"
	"crypto/rsa"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/miekg/pkcs11"

	"tocsin/system/hsm/protocol"
)

// Sealed is a signing key that only the recipients' tokens can open.
type Sealed struct {
	Public crypto.PublicKey
	// Wrapped is the private key under a key-encryption key, which Copies has
	// for each recipient.
	Wrapped []byte
	Copies  []protocol.Copy
}

// Generate makes a signing key, keeps it, and returns it sealed for others.
//
// The pair and its key-encryption key are objects of one session: whatever
// happens, the token forgets them when the session ends. What it keeps was
// unwrapped like everybody else's copy.
func (p *Pool) Generate(ctx context.Context, algorithm jose.SignatureAlgorithm, recipients []*rsa.PublicKey) (*Sealed, error) {
	var sealed *Sealed
	err := p.change(ctx, func(s *session) (err error) {
		sealed, err = p.generate(s.handle, algorithm, recipients)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make %s key: %w", algorithm, err)
	}
	return sealed, nil
}

func (p *Pool) generate(handle pkcs11.SessionHandle, algorithm jose.SignatureAlgorithm, recipients []*rsa.PublicKey) (*Sealed, error) {
	ctx := p.library.ctx
	publicObject, private, err := p.extractablePair(handle, algorithm)
	if err != nil {
		return nil, err
	}
	kek, err := ctx.GenerateKey(handle, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true),
		pkcs11.NewAttribute(pkcs11.CKA_WRAP, true), pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, true),
		pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, false), pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, false),
	})
	if err != nil {
		return nil, fmt.Errorf("C_GenerateKey: %w", err)
	}
	sealed := &Sealed{}
	if sealed.Public, err = readPublic(ctx, handle, publicObject); err != nil {
		return nil, err
	}
	if sealed.Wrapped, err = ctx.WrapKey(handle, keyWrap(), kek, private); err != nil {
		return nil, fmt.Errorf("C_WrapKey: %w", err)
	}
	for _, recipient := range recipients {
		sealedCopy, err := wrapFor(ctx, handle, kek, recipient)
		if err != nil {
			return nil, err
		}
		sealed.Copies = append(sealed.Copies, sealedCopy)
	}
	if err := keep(ctx, handle, algorithm, sealed.Public, kek, sealed.Wrapped); err != nil {
		return nil, err
	}
	for _, object := range []pkcs11.ObjectHandle{private, publicObject, kek} {
		if err := ctx.DestroyObject(handle, object); err != nil {
			return nil, fmt.Errorf("C_DestroyObject: %w", err)
		}
	}
	return sealed, nil
}

func (p *Pool) extractablePair(handle pkcs11.SessionHandle, algorithm jose.SignatureAlgorithm) (public, private pkcs11.ObjectHandle, err error) {
	mechanism, publicTemplate, _, err := pairMechanism(algorithm, p.config.RSABits)
	if err != nil {
		return 0, 0, err
	}
	publicTemplate = append(publicTemplate,
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false), pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true))
	privateTemplate := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true),
		// It is never used as it is.
		pkcs11.NewAttribute(pkcs11.CKA_SIGN, false), pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, false),
		pkcs11.NewAttribute(pkcs11.CKA_DERIVE, false), pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, false),
	}
	public, private, err = p.library.ctx.GenerateKeyPair(handle, mechanism, publicTemplate, privateTemplate)
	if err != nil {
		return 0, 0, fmt.Errorf("C_GenerateKeyPair: %w", err)
	}
	return public, private, nil
}

// wrapFor wraps the key-encryption key for the token of a transport key.
func wrapFor(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle, kek pkcs11.ObjectHandle, transport *rsa.PublicKey) (protocol.Copy, error) {
	id, err := protocol.IDOf(transport)
	if err != nil {
		return protocol.Copy{}, err
	}
	template, err := publicTemplate(transport)
	if err != nil {
		return protocol.Copy{}, err
	}
	object, err := ctx.CreateObject(handle, append(template,
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false), pkcs11.NewAttribute(pkcs11.CKA_WRAP, true)))
	if err != nil {
		return protocol.Copy{}, fmt.Errorf("C_CreateObject: %w", err)
	}
	wrapped, err := ctx.WrapKey(handle, oaep(), object, kek)
	if err != nil {
		return protocol.Copy{}, fmt.Errorf("C_WrapKey for %s: %w", id, err)
	}
	if err := ctx.DestroyObject(handle, object); err != nil {
		return protocol.Copy{}, fmt.Errorf("C_DestroyObject: %w", err)
	}
	return protocol.Copy{Recipient: id.String(), Key: wrapped}, nil
}
