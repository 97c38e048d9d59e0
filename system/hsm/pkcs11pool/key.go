package pkcs11pool

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"
)

// find returns the one object of class with label and, unless empty, id.
func find(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle, class uint, label string, id []byte) (object pkcs11.ObjectHandle, err error) {
	template := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, class),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
	}
	if len(id) > 0 {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_ID, id))
	}
	if err := ctx.FindObjectsInit(handle, template); err != nil {
		return 0, fmt.Errorf("C_FindObjectsInit: %w", err)
	}
	objects, _, err := ctx.FindObjects(handle, 2)
	if final := ctx.FindObjectsFinal(handle); final != nil {
		err = errors.Join(err, final)
	}
	if err != nil {
		return 0, fmt.Errorf("C_FindObjects: %w", err)
	}
	if len(objects) != 1 {
		return 0, fmt.Errorf("%w: %d with label %q", errKeyCount, len(objects), label)
	}
	return objects[0], nil
}

// errKeyCount means that the token has no such key, or several.
var errKeyCount = errors.New("number of matching keys is not one")

func readPublicKey(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle, label string) (*PublicKey, error) {
	object, err := find(ctx, handle, pkcs11.CKO_PUBLIC_KEY, label, nil)
	if err != nil {
		return nil, err
	}
	attributes, err := ctx.GetAttributeValue(handle, object, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, nil),
		pkcs11.NewAttribute(pkcs11.CKA_ID, nil),
	})
	if err != nil {
		return nil, fmt.Errorf("C_GetAttributeValue: %w", err)
	}
	// CKA_EC_POINT is the DER encoding of an OCTET STRING (PKCS#11 2.40, 2.3.3).
	var point []byte
	rest, err := asn1.Unmarshal(attributes[0].Value, &point)
	if err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("read CKA_EC_POINT: not one octet string (%d bytes over): %w", len(rest), err)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, fmt.Errorf("read CKA_EC_POINT: %w", err)
	}
	return &PublicKey{PublicKey: public, ID: attributes[1].Value}, nil
}

// Create makes the token and its key pair where they do not exist yet. The
// private key cannot leave the token. It reports whether it made anything.
func Create(config Config, securityOfficerPIN string) (created bool, err error) {
	ctx := pkcs11.New(config.Module)
	if ctx == nil {
		return false, fmt.Errorf("load PKCS#11 module %s: not a usable library", config.Module)
	}
	l := &library{ctx: ctx}
	if _, err := l.enter(); err != nil {
		return false, err
	}
	l.leave()
	defer func() { err = errors.Join(err, l.close()) }()
	slot, err := l.slot(config.TokenLabel)
	if err != nil {
		created = true
		if slot, err = createToken(l, config, securityOfficerPIN); err != nil {
			return false, err
		}
	}
	handle, err := ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return false, fmt.Errorf("C_OpenSession: %w", err)
	}
	if err := ctx.Login(handle, pkcs11.CKU_USER, config.PIN); err != nil {
		return false, fmt.Errorf("C_Login: %w", err)
	}
	_, err = find(ctx, handle, pkcs11.CKO_PRIVATE_KEY, config.KeyLabel, nil)
	if err == nil {
		return created, nil
	}
	if !errors.Is(err, errKeyCount) {
		return false, err
	}
	return true, createKeyPair(ctx, handle, config.KeyLabel)
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

func createKeyPair(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle, label string) error {
	curve, err := asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}) // P-256
	if err != nil {
		return fmt.Errorf("encode curve: %w", err)
	}
	id := make([]byte, 16)
	rand.Read(id) // never fails: the runtime aborts the process instead
	common := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
		pkcs11.NewAttribute(pkcs11.CKA_ID, id),
	}
	public := append([]*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, curve),
		pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true),
	}, common...)
	private := append([]*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
	}, common...)
	mechanism := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)}
	if _, _, err := ctx.GenerateKeyPair(handle, mechanism, public, private); err != nil {
		return fmt.Errorf("C_GenerateKeyPair: %w", err)
	}
	return nil
}
