package pkcs11pool

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/miekg/pkcs11"

	"tocsin/system/hsm/protocol"
)

// Take keeps a signing key that another token made and sealed. It fails with
// ErrNotForUs when it was not sealed for this one, and changes nothing when the
// key is there. Whether the bundle is to be trusted is for the caller to check.
func (p *Pool) Take(ctx context.Context, bundle *protocol.Bundle) error {
	id, err := protocol.IDOf(bundle.Public.Key)
	if err != nil {
		return err
	}
	var foreign error
	err = p.change(ctx, func(s *session) error {
		keys, err := readKeys(p.library.ctx, s.handle)
		if err != nil {
			return err
		}
		if _, there := keys[id]; there {
			return nil
		}
		err = take(p.library.ctx, s.handle, keys, bundle)
		if errors.Is(err, ErrNotForUs) {
			foreign, err = err, nil
		}
		return err
	})
	if err := errors.Join(err, foreign); err != nil {
		return fmt.Errorf("take key %s: %w", id, err)
	}
	return nil
}

func take(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle, keys map[protocol.ID]Key, bundle *protocol.Bundle) error {
	node, missing := nodeOf(keys)
	if len(missing) > 0 {
		return fmt.Errorf("%w: the token's own %v", ErrNoKey, missing)
	}
	own, err := protocol.IDOf(node.Transport)
	if err != nil {
		return err
	}
	kek, sealed := bundle.CopyFor(own.String())
	if !sealed || len(kek) == 0 || !bundle.Travels() {
		return ErrNotForUs
	}
	transport, err := findByID(ctx, handle, pkcs11.CKO_PRIVATE_KEY, own)
	if err != nil {
		return err
	}
	opened, err := ctx.UnwrapKey(handle, oaep(), transport, kek, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, true), pkcs11.NewAttribute(pkcs11.CKA_WRAP, false),
		pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, false), pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, false),
	})
	if err != nil {
		return fmt.Errorf("C_UnwrapKey with the transport key: %w", err)
	}
	if err := keep(ctx, handle, jose.SignatureAlgorithm(bundle.Public.Algorithm), bundle.Public.Key, opened, bundle.Wrapped); err != nil {
		return err
	}
	if err := ctx.DestroyObject(handle, opened); err != nil {
		return fmt.Errorf("C_DestroyObject: %w", err)
	}
	return nil
}

// keep unwraps a signing key into the token for good, tries it, and only then
// adds the public half, by which it is found. What is not the private half of
// public does not stay.
func keep(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle, algorithm jose.SignatureAlgorithm, public crypto.PublicKey, kek pkcs11.ObjectHandle, wrapped []byte) error {
	id, err := protocol.IDOf(public)
	if err != nil {
		return err
	}
	if err := remove(ctx, handle, id); err != nil { // a half that an interrupted call left
		return err
	}
	_, _, kind, err := pairMechanism(algorithm, 0)
	if err != nil {
		return err
	}
	private, err := ctx.UnwrapKey(handle, keyWrap(), kek, wrapped, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, kind),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_SIGN, true), pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, false),
		pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, false), pkcs11.NewAttribute(pkcs11.CKA_DERIVE, false),
		pkcs11.NewAttribute(pkcs11.CKA_ID, id[:]), pkcs11.NewAttribute(pkcs11.CKA_LABEL, string(algorithm)),
		allowed(algorithm),
	})
	if err != nil {
		return fmt.Errorf("C_UnwrapKey: %w", err)
	}
	err = try(ctx, handle, private, Key{ID: id, Label: string(algorithm), Public: public})
	if err == nil {
		err = createPublic(ctx, handle, id, algorithm, public)
	}
	if err != nil {
		return errors.Join(err, remove(ctx, handle, id))
	}
	return nil
}

func createPublic(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle, id protocol.ID, algorithm jose.SignatureAlgorithm, public crypto.PublicKey) error {
	template, err := publicTemplate(public)
	if err != nil {
		return err
	}
	if _, err := ctx.CreateObject(handle, append(template,
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true),
		pkcs11.NewAttribute(pkcs11.CKA_ID, id[:]), pkcs11.NewAttribute(pkcs11.CKA_LABEL, string(algorithm)),
	)); err != nil {
		return fmt.Errorf("C_CreateObject: %w", err)
	}
	return nil
}

// try signs something random and verifies it.
func try(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle, private pkcs11.ObjectHandle, key Key) error {
	digest := make([]byte, digestSize)
	rand.Read(digest) // never fails: the runtime aborts the process instead
	algorithm := jose.SignatureAlgorithm(key.Label)
	signature, err := signWith(ctx, handle, private, key, algorithm, digest)
	if err != nil {
		return err
	}
	if !protocol.Verify(algorithm, key.Public, digest, signature) {
		return errors.New("what was unwrapped is not the private half of the public key")
	}
	return nil
}

// Remove destroys a signing key for good. One that is not there is no error;
// the token's own pairs are never removed.
func (p *Pool) Remove(ctx context.Context, id protocol.ID) error {
	err := p.change(ctx, func(s *session) error {
		keys, err := readKeys(p.library.ctx, s.handle)
		if err != nil {
			return err
		}
		if key, there := keys[id]; there && !isSigning(key.Label) {
			return fmt.Errorf("%w: %s is the token's own", ErrNoKey, id)
		}
		return remove(p.library.ctx, s.handle, id)
	})
	if err != nil {
		return fmt.Errorf("remove key %s: %w", id, err)
	}
	return nil
}

// remove destroys all token objects with the id, the public half first.
func remove(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle, id protocol.ID) error {
	for _, class := range []uint{pkcs11.CKO_PUBLIC_KEY, pkcs11.CKO_PRIVATE_KEY} {
		objects, err := findAll(ctx, handle, pkcs11.NewAttribute(pkcs11.CKA_CLASS, class),
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_ID, id[:]))
		if err != nil {
			return err
		}
		for _, object := range objects {
			if err := ctx.DestroyObject(handle, object); err != nil {
				return fmt.Errorf("C_DestroyObject: %w", err)
			}
		}
	}
	return nil
}
