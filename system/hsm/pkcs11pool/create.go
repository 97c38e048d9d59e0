package pkcs11pool

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/miekg/pkcs11"

	"tocsin/system/hsm/protocol"
)

// Create makes the token and what it keeps for life, where they do not exist
// yet: a transport pair, which unwraps keys for it, and an attestation pair,
// which vouches for keys it makes. It reports whether it made anything.
func Create(config Config, securityOfficerPIN string) (node protocol.Node, created bool, err error) {
	ctx := pkcs11.New(config.Module)
	if ctx == nil {
		return node, false, fmt.Errorf("load PKCS#11 module %s: not a usable library", config.Module)
	}
	l := &library{ctx: ctx}
	if _, err := l.enter(); err != nil {
		return node, false, err
	}
	l.leave()
	defer func() { err = errors.Join(err, l.close()) }()
	slot, err := l.slot(config.TokenLabel)
	if err != nil {
		created = true
		if slot, err = createToken(l, config, securityOfficerPIN); err != nil {
			return node, false, err
		}
	}
	handle, err := ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return node, false, fmt.Errorf("C_OpenSession: %w", err)
	}
	err = ctx.Login(handle, pkcs11.CKU_USER, config.PIN)
	if err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
		return node, false, fmt.Errorf("C_Login: %w", err)
	}
	node, made, err := ownPairs(ctx, handle)
	return node, created || made, err
}

// ownPairs finds the pairs of the token, and makes what is missing.
func ownPairs(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle) (node protocol.Node, made bool, err error) {
	for range 2 {
		keys, err := readKeys(ctx, handle)
		if err != nil {
			return node, false, err
		}
		node, missing := nodeOf(keys)
		if len(missing) == 0 {
			return node, made, nil
		}
		for _, label := range missing {
			if err := createPair(ctx, handle, label); err != nil {
				return node, false, fmt.Errorf("make %s pair: %w", label, err)
			}
		}
		made = true
	}
	return node, false, errors.New("pairs that were just made are not found")
}

// nodeOf picks the pairs of the token itself out of its keys.
func nodeOf(keys map[protocol.ID]Key) (node protocol.Node, missing []string) {
	for _, key := range keys {
		switch public := key.Public.(type) {
		case *rsa.PublicKey:
			if key.Label == transportLabel {
				node.Transport = public
			}
		case *ecdsa.PublicKey:
			if key.Label == attestLabel {
				node.Attest = public
			}
		}
	}
	if node.Transport == nil {
		missing = append(missing, transportLabel)
	}
	if node.Attest == nil {
		missing = append(missing, attestLabel)
	}
	return node, missing
}

// createPair makes a pair that never leaves the token. The transport key
// unwraps and does nothing else: one that decrypted too would give out what it
// unwraps.
func createPair(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle, label string) error {
	algorithm, signs := jose.ES256, true
	if label == transportLabel {
		algorithm, signs = jose.PS256, false
	}
	mechanism, public, _, err := pairMechanism(algorithm, protocol.TransportBits)
	if err != nil {
		return err
	}
	public = append(public,
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
		pkcs11.NewAttribute(pkcs11.CKA_VERIFY, signs), pkcs11.NewAttribute(pkcs11.CKA_WRAP, !signs),
		pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, false))
	private := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_SIGN, signs), pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, !signs),
		pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, false), pkcs11.NewAttribute(pkcs11.CKA_DERIVE, false),
	}
	publicHandle, privateHandle, err := ctx.GenerateKeyPair(handle, mechanism, public, private)
	if err != nil {
		return fmt.Errorf("C_GenerateKeyPair: %w", err)
	}
	key, err := readPublic(ctx, handle, publicHandle)
	if err != nil {
		return err
	}
	return name(ctx, handle, key, privateHandle, publicHandle)
}

// name sets the id of objects to the thumbprint of public. That of the public
// object comes last: a pair is found by it, and then complete.
func name(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle, public crypto.PublicKey, objects ...pkcs11.ObjectHandle) error {
	id, err := protocol.IDOf(public)
	if err != nil {
		return err
	}
	for _, object := range objects {
		if err := ctx.SetAttributeValue(handle, object, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_ID, id[:])}); err != nil {
			return fmt.Errorf("C_SetAttributeValue: %w", err)
		}
	}
	return nil
}

func createToken(l *library, config Config, securityOfficerPIN string) (uint, error) {
	slots, err := l.ctx.GetSlotList(true)
	if err != nil {
		return 0, fmt.Errorf("C_GetSlotList: %w", err)
	}
	for _, slot := range slots {
		info, err := l.ctx.GetTokenInfo(slot)
		if err != nil {
			return 0, fmt.Errorf("C_GetTokenInfo: %w", err)
		}
		if info.Flags&pkcs11.CKF_TOKEN_INITIALIZED != 0 {
			continue
		}
		if err := l.ctx.InitToken(slot, securityOfficerPIN, config.TokenLabel); err != nil {
			return 0, fmt.Errorf("C_InitToken: %w", err)
		}
		return initPIN(l, config, securityOfficerPIN)
	}
	return 0, errors.New("create token: no slot is free")
}

func initPIN(l *library, config Config, securityOfficerPIN string) (uint, error) {
	slot, err := l.slot(config.TokenLabel)
	if err != nil {
		return 0, err
	}
	handle, err := l.ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return 0, fmt.Errorf("C_OpenSession: %w", err)
	}
	if err := l.ctx.Login(handle, pkcs11.CKU_SO, securityOfficerPIN); err != nil {
		return 0, fmt.Errorf("C_Login as security officer: %w", err)
	}
	if err := l.ctx.InitPIN(handle, config.PIN); err != nil {
		return 0, fmt.Errorf("C_InitPIN: %w", err)
	}
	if err := l.ctx.CloseSession(handle); err != nil {
		return 0, fmt.Errorf("C_CloseSession: %w", err)
	}
	return slot, nil
}
