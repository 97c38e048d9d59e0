package pkcs11pool_test

import (
	"context"
	"crypto/rsa"
	"errors"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/miekg/pkcs11"

	"tocsin/system/hsm/pkcs11pool"
	"tocsin/system/hsm/protocol"
)

// other is a second token of the same library, as another node has.
func other(t *testing.T) (*pkcs11pool.Pool, protocol.Node) {
	t.Helper()
	second := config()
	second.TokenLabel = "other"
	node, _, err := pkcs11pool.Create(second, "5678")
	if err != nil {
		t.Fatal(err)
	}
	return open(t, second), node
}

func TestSealedKeyIsTakenByItsRecipientOnly(t *testing.T) {
	there, node := other(t)
	here := open(t, config())
	for _, algorithm := range protocol.Algorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			sealed, err := here.Generate(context.Background(), algorithm, []*rsa.PublicKey{node.Transport})
			if err != nil {
				t.Fatal(err)
			}
			id, err := protocol.IDOf(sealed.Public)
			if err != nil {
				t.Fatal(err)
			}
			key := pkcs11pool.Key{ID: id, Label: string(algorithm), Public: sealed.Public}
			signAndVerify(t, here, key)
			bundle := bundled(t, algorithm, sealed)
			for name, mangle := range map[string]func(*protocol.Bundle){
				"a key-encryption key that was changed": func(b *protocol.Bundle) { b.Copies[0].Key[7] ^= 1 },
				"a private key that was changed":        func(b *protocol.Bundle) { b.Wrapped[9] ^= 1 },
			} {
				mangled := bundled(t, algorithm, sealed)
				mangle(mangled)
				if err := there.Take(context.Background(), mangled); err == nil {
					t.Errorf("%s is taken", name)
				}
			}
			if err := here.Remove(context.Background(), id); err != nil {
				t.Fatal(err)
			}
			if err := here.Take(context.Background(), bundle); !errors.Is(err, pkcs11pool.ErrNotForUs) {
				t.Errorf("a token takes what is sealed for another: %v", err)
			}
			for range 2 { // the second time changes nothing
				if err := there.Take(context.Background(), bundle); err != nil {
					t.Fatal(err)
				}
			}
			signAndVerify(t, there, key)
			if err := there.Remove(context.Background(), id); err != nil {
				t.Fatal(err)
			}
			if _, err := there.Sign(context.Background(), id, algorithm, make([]byte, 32)); !errors.Is(err, pkcs11pool.ErrNoKey) {
				t.Errorf("sign with a removed key: %v", err)
			}
		})
	}
}

func TestKeyUnderAnotherNameIsNotTaken(t *testing.T) {
	there, node := other(t)
	here := open(t, config())
	recipients := []*rsa.PublicKey{node.Transport}
	one, two := generated(t, here, recipients), generated(t, here, recipients)
	mixed := bundled(t, jose.ES256, two)
	mixed.Public = bundled(t, jose.ES256, one).Public
	if err := there.Take(context.Background(), mixed); err == nil {
		t.Fatal("taken")
	}
	id, err := protocol.IDOf(one.Public)
	if err != nil {
		t.Fatal(err)
	}
	found, err := there.Audit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, custody := range found {
		if custody.Label == string(jose.ES256) {
			t.Errorf("%s stayed, wanted as %x", custody.ID, id)
		}
	}
}

// bundled is a copy of what travels.
func bundled(t *testing.T, algorithm jose.SignatureAlgorithm, sealed *pkcs11pool.Sealed) *protocol.Bundle {
	t.Helper()
	public, err := protocol.JWK(algorithm, sealed.Public)
	if err != nil {
		t.Fatal(err)
	}
	bundle := &protocol.Bundle{Public: public, Wrapped: slices.Clone(sealed.Wrapped)}
	for _, c := range sealed.Copies {
		bundle.Copies = append(bundle.Copies, protocol.Copy{Recipient: c.Recipient, Key: slices.Clone(c.Key)})
	}
	return bundle
}

// generated makes a sealed key, which its maker keeps only for the test.
func generated(t *testing.T, pool *pkcs11pool.Pool, recipients []*rsa.PublicKey) *pkcs11pool.Sealed {
	t.Helper()
	sealed, err := pool.Generate(context.Background(), jose.ES256, recipients)
	if err != nil {
		t.Fatal(err)
	}
	id, err := protocol.IDOf(sealed.Public)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Remove(context.Background(), id); err != nil {
			t.Error(err)
		}
	})
	return sealed
}

// TestPrivateKeysStayInside goes around the pool, as somebody does who has the
// PIN.
func TestPrivateKeysStayInside(t *testing.T) {
	pool := open(t, config())
	for _, algorithm := range protocol.Algorithms() {
		made(t, pool, algorithm)
	}
	found, err := pool.Audit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != len(protocol.Algorithms())+2 {
		t.Errorf("%d keys, want one for each algorithm, transport and attest: %+v", len(found), found)
	}
	for _, custody := range found {
		if fault := custody.Fault(); fault != "" {
			t.Errorf("%+v: %s", custody, fault)
		}
	}
	raw := pkcs11.New(module)
	session := rawSession(t, raw)
	attribute := pkcs11.NewAttribute
	kek, err := raw.GenerateKey(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, []*pkcs11.Attribute{
		attribute(pkcs11.CKA_TOKEN, false), attribute(pkcs11.CKA_VALUE_LEN, 32), attribute(pkcs11.CKA_WRAP, true),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.FindObjectsInit(session, []*pkcs11.Attribute{attribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)}); err != nil {
		t.Fatal(err)
	}
	keys, _, err := raw.FindObjects(session, 100)
	if err := errors.Join(err, raw.FindObjectsFinal(session)); err != nil || len(keys) != len(found) {
		t.Fatalf("find private keys: %v, %d", err, len(keys))
	}
	for _, key := range keys {
		for name, secret := range map[string]uint{
			"CKA_VALUE": pkcs11.CKA_VALUE, "CKA_PRIVATE_EXPONENT": pkcs11.CKA_PRIVATE_EXPONENT, "CKA_PRIME_1": pkcs11.CKA_PRIME_1,
		} {
			_, err := raw.GetAttributeValue(session, key, []*pkcs11.Attribute{attribute(secret, nil)})
			// The attributes of the other type of key do not exist.
			if !errors.Is(err, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_SENSITIVE)) && !errors.Is(err, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_TYPE_INVALID)) {
				t.Errorf("read %s: %v", name, err)
			}
		}
		_, err := raw.WrapKey(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_WRAP_PAD, nil)}, kek, key)
		if !errors.Is(err, pkcs11.Error(pkcs11.CKR_KEY_UNEXTRACTABLE)) {
			t.Errorf("C_WrapKey: %v, want CKR_KEY_UNEXTRACTABLE", err)
		}
		loosen := []*pkcs11.Attribute{attribute(pkcs11.CKA_EXTRACTABLE, true)}
		if err := raw.SetAttributeValue(session, key, loosen); err == nil {
			t.Error("a key was made extractable")
		}
		if _, err := raw.CopyObject(session, key, loosen); err == nil {
			t.Error("a key was copied as extractable")
		}
		decrypt := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS, nil)}
		if err := raw.DecryptInit(session, decrypt, key); err == nil {
			t.Error("a key decrypts: the transport key would give out what is wrapped for it")
		}
	}
}

func TestAuditNamesWhatIsWrong(t *testing.T) {
	held := pkcs11pool.Custody{Label: "ES256", Sensitive: true}
	for _, test := range []struct {
		name   string
		change func(*pkcs11pool.Custody)
		fine   bool
	}{
		{"a signing key that was taken in is fine", func(*pkcs11pool.Custody) {}, true},
		{"a readable one is not", func(c *pkcs11pool.Custody) { c.Sensitive = false }, false},
		{"an extractable one is not", func(c *pkcs11pool.Custody) { c.Extractable = true }, false},
		{"a key-encryption key that stayed is not", func(c *pkcs11pool.Custody) { c.Secret = true }, false},
		{"a stranger's key is not", func(c *pkcs11pool.Custody) { c.Label = "web server" }, false},
		{"a transport key from elsewhere is not", func(c *pkcs11pool.Custody) { c.Label = "transport" }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			custody := held
			test.change(&custody)
			if fault := custody.Fault(); (fault == "") != test.fine {
				t.Errorf("fault %q", fault)
			}
		})
	}
}

func rawSession(t testing.TB, raw *pkcs11.Ctx) pkcs11.SessionHandle {
	t.Helper()
	slots, err := raw.GetSlotList(true)
	if err != nil {
		t.Fatal(err)
	}
	for _, slot := range slots {
		info, err := raw.GetTokenInfo(slot)
		if err != nil || info.Label != config().TokenLabel {
			continue
		}
		session, err := raw.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		if err != nil {
			t.Fatal(err)
		}
		err = raw.Login(session, pkcs11.CKU_USER, config().PIN)
		if err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
			t.Fatal(err)
		}
		return session
	}
	t.Fatal("token not found")
	return 0
}
