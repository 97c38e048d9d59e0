package identity_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"
)

func TestAnOfferBecomesABatchThatCanBeRevoked(t *testing.T) {
	t.Parallel()
	shop, wallet := newParty(t, clientID), anonymous(t)
	code, txCode := shop.invite("2000000180", "national_id_sd_jwt")
	if got := wallet.token(there(), preAuthorized(code, "x"+txCode[1:])...); got.Error != "invalid_grant" {
		t.Errorf("a wrong transaction code: %d %s", got.answer.status, got.answer.body)
	}
	access := wallet.accept(there(), code, txCode)
	keys := []*ecdsa.PrivateKey{newKey(t), newKey(t), newKey(t)}
	batch := wallet.credential(here(), access, byConfiguration, "national_id_sd_jwt", keys...)
	if batch.answer.status != http.StatusOK || len(batch.Credentials) != 3 || batch.NotificationID == "" {
		t.Fatalf("credential: %d %s", batch.answer.status, batch.answer.body)
	}
	var all []*national
	for i, one := range batch.Credentials {
		told, disclosed := held(t, one.Credential, keys[i])
		if told.Issuer != shared.issuer || told.Type != shared.issuer+"/vci/types/national-id" || disclosed["given_name"] == nil || disclosed["birthdate"] == nil {
			t.Errorf("credential %d: %+v discloses %v", i, told, disclosed)
		}
		told.Status.List.mustBe(t, false)
		all = append(all, told)
	}
	if all[0].Status.List == all[1].Status.List || all[1].Status.List == all[2].Status.List || all[0].ID == all[1].ID {
		t.Error("two credentials have one status entry, or one id")
	}
	address := "/vci/credentials/" + all[1].ID + "/revoke"
	if answer := shop.fetch(http.MethodPost, there(), address, shop.own("credential_offer"), ""); answer.status != http.StatusForbidden {
		t.Errorf("revoked without the right: %d %s", answer.status, answer.body)
	}
	for range 2 {
		if answer := shop.fetch(http.MethodPost, there(), address, shop.own("credential_revocation"), ""); answer.status != http.StatusNoContent {
			t.Fatalf("revoke: %d %s", answer.status, answer.body)
		}
	}
	all[1].Status.List.mustBe(t, true)
	all[0].Status.List.mustBe(t, false)
	all[2].Status.List.mustBe(t, false)
}

func TestAPreAuthorizedCodeUsedTwiceEndsWhatItGave(t *testing.T) {
	t.Parallel()
	wallet := anonymous(t)
	code, txCode := newParty(t, clientID).invite("2000000181", "national_id_sd_jwt")
	access := wallet.accept(here(), code, txCode)
	wallet.credential(there(), access, byConfiguration, "national_id_sd_jwt", newKey(t)).one(t)
	if again := anonymous(t).token(there(), preAuthorized(code, txCode)...); again.Error != "invalid_grant" {
		t.Errorf("used again: %d %s", again.answer.status, again.answer.body)
	}
	dead := func() error {
		for _, gateway := range gateways() {
			if got := wallet.credential(gateway, access, byConfiguration, "national_id_sd_jwt", newKey(t)); !refusedToken(got.answer, "invalid_token") {
				return errors.New(got.answer.body)
			}
		}
		return nil
	}
	if err := await(t.Context(), time.Second, dead); err != nil {
		t.Error(err)
	}
}

func TestOneTokenGivesCredentialsOfOtherFormats(t *testing.T) {
	t.Parallel()
	wallet, key := anonymous(t), newKey(t)
	code, txCode := newParty(t, clientID).invite("2000000182", "national_id_jwt_vc", "national_id_mdoc")
	access := wallet.accept(here(), code, txCode)
	t.Run("jwt_vc_json", func(t *testing.T) {
		told := &national{}
		trusted(t, wallet.credential(there(), access, byConfiguration, "national_id_jwt_vc", key).one(t), told)
		if !key.PublicKey.Equal(told.Confirmation.JWK.Key) || !slices.Contains(told.VC.Type, "NationalIdentityCredential") || told.VC.Subject["given_name"] == nil {
			t.Errorf("%+v", told)
		}
		told.Status.List.mustBe(t, false)
	})
	t.Run("mso_mdoc", func(t *testing.T) {
		document, err := base64.RawURLEncoding.DecodeString(wallet.credential(here(), access, byConfiguration, "national_id_mdoc", key).one(t))
		if err != nil {
			t.Fatal(err)
		}
		security, elements := mdoc(t, document)
		point, err := key.PublicKey.Bytes() // SEC 1, 2.3.3: 4, x, y
		if err != nil {
			t.Fatal(err)
		}
		x, y := security.Device.Key[-2].([]byte), security.Device.Key[-3].([]byte) // RFC 9053, 7.1.1
		if security.Doctype != "org.example.nationalid.1" || !slices.Equal(slices.Concat([]byte{4}, x, y), point) {
			t.Errorf("security object %+v", security)
		}
		if elements["given_name"] == nil || elements["birth_date"] == nil {
			t.Errorf("elements %v", elements)
		}
		security.Status.List.mustBe(t, false)
	})
	if got := wallet.credential(here(), access, byConfiguration, "national_id_sd_jwt", key); got.answer.status == http.StatusOK {
		t.Error("a credential that was not offered is issued")
	}
}

type securityObject struct {
	Doctype string                       `cbor:"docType"`
	Digests map[string]map[uint64][]byte `cbor:"valueDigests"`
	Device  struct {
		Key map[int64]any `cbor:"deviceKey"`
	} `cbor:"deviceKeyInfo"`
	Status struct {
		List entry `cbor:"status_list"`
	} `cbor:"status"`
}

// mdoc verifies a document (ISO/IEC 18013-5, 9.1.2.4) and returns its elements.
func mdoc(t *testing.T, document []byte) (*securityObject, map[string]any) {
	t.Helper()
	var signed struct {
		Spaces map[string][]cbor.RawMessage `cbor:"nameSpaces"`
		Auth   cbor.RawMessage              `cbor:"issuerAuth"`
	}
	var auth cose.UntaggedSign1Message
	if err := errors.Join(cbor.Unmarshal(document, &signed), auth.UnmarshalCBOR(signed.Auth)); err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(auth.Headers.Unprotected[cose.HeaderLabelX5Chain].([]byte))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leaf.Verify(authority(t)); err != nil {
		t.Errorf("certificate: %v", err)
	}
	verifier, err := cose.NewVerifier(cose.AlgorithmES256, leaf.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := auth.Verify(nil, verifier); err != nil {
		t.Errorf("signature: %v", err)
	}
	security := &securityObject{}
	untag(t, auth.Payload, security)
	elements := map[string]any{}
	for space, items := range signed.Spaces {
		for _, encoded := range items {
			var item struct {
				Digest uint64 `cbor:"digestID"`
				Name   string `cbor:"elementIdentifier"`
				Value  any    `cbor:"elementValue"`
			}
			untag(t, encoded, &item)
			if hash := sha256.Sum256(encoded); string(security.Digests[space][item.Digest]) != string(hash[:]) {
				t.Errorf("%s is not under the signature", item.Name)
			}
			elements[item.Name] = item.Value
		}
	}
	return security, elements
}

// untag reads a CBOR item in a byte string.
func untag(t *testing.T, encoded []byte, into any) {
	t.Helper()
	var tag cbor.Tag
	if err := cbor.Unmarshal(encoded, &tag); err != nil || tag.Number != 24 {
		t.Fatalf("tag %d: %v", tag.Number, err)
	}
	if err := cbor.Unmarshal(tag.Content.([]byte), into); err != nil {
		t.Fatal(err)
	}
}

func TestADeferredCredentialIsPickedUpInTheOtherZoneAndAgainAfterALostAnswer(t *testing.T) {
	t.Parallel()
	wallet, key := anonymous(t), newKey(t)
	code, txCode := newParty(t, clientID).invite("2000000183", "national_id_reviewed")
	access := wallet.accept(here(), code, txCode)
	later := wallet.credential(here(), access, byConfiguration, "national_id_reviewed", key)
	if later.answer.status != http.StatusAccepted || later.TransactionID == "" || later.Interval < 1 || later.Credentials != nil {
		t.Fatalf("credential: %d %s", later.answer.status, later.answer.body)
	}
	collect := func(p *party, gateway, access string) *issued {
		body := mustJSON(t, map[string]string{"transaction_id": later.TransactionID})
		return issuedIn(t, p.fetch(http.MethodPost, gateway, "/vci/deferred", access, body))
	}
	if early := collect(wallet, there(), access); early.answer.status != http.StatusAccepted {
		t.Errorf("before it is ready: %d %s", early.answer.status, early.answer.body)
	}
	thief := anonymous(t)
	otherCode, otherTxCode := newParty(t, clientID).invite("2000000184", "national_id_reviewed")
	if stolen := collect(thief, here(), thief.accept(here(), otherCode, otherTxCode)); stolen.Error != "invalid_transaction_id" {
		t.Errorf("picked up by another wallet: %d %s", stolen.answer.status, stolen.answer.body)
	}
	var first *issued
	ready := func() error {
		if first = collect(wallet, there(), access); first.answer.status != http.StatusOK {
			return errors.New(first.answer.body)
		}
		return nil
	}
	if err := await(t.Context(), 10*time.Second, ready); err != nil {
		t.Fatal(err)
	}
	again := collect(wallet, here(), access)
	one, disclosed := held(t, first.one(t), key)
	other, _ := held(t, again.one(t), key)
	if one.ID != other.ID || one.Status != other.Status || first.NotificationID != again.NotificationID || disclosed["given_name"] == nil {
		t.Errorf("picked up again it is another: %+v, %+v", one, other)
	}
	if !slices.Equal(strings.Split(first.one(t), "~")[1:], strings.Split(again.one(t), "~")[1:]) {
		t.Error("picked up again the disclosures are other ones")
	}
}

func TestANotificationMayComeTwiceAndFromItsWalletOnly(t *testing.T) {
	t.Parallel()
	wallet := anonymous(t)
	code, txCode := newParty(t, clientID).invite("2000000185", "national_id_sd_jwt")
	access := wallet.accept(here(), code, txCode)
	id := wallet.credential(here(), access, byConfiguration, "national_id_sd_jwt", newKey(t)).NotificationID
	notify := func(p *party, gateway, access, id, event string) *document {
		body := mustJSON(t, map[string]string{"notification_id": id, "event": event})
		return p.fetch(http.MethodPost, gateway, "/vci/notification", access, body)
	}
	for _, gateway := range []string{there(), here(), there()} {
		if answer := notify(wallet, gateway, access, id, "credential_accepted"); answer.status != http.StatusNoContent {
			t.Errorf("notification at %s: %d %s", gateway, answer.status, answer.body)
		}
	}
	stranger := anonymous(t)
	otherCode, otherTxCode := newParty(t, clientID).invite("2000000186", "national_id_sd_jwt")
	otherAccess := stranger.accept(here(), otherCode, otherTxCode)
	for name, test := range map[string]struct {
		answer *document
		want   string
	}{
		"another person's wallet": {notify(stranger, there(), otherAccess, id, "credential_deleted"), "invalid_notification_id"},
		"an unknown id":           {notify(wallet, there(), access, "unknown", "credential_accepted"), "invalid_notification_id"},
		"an unknown event":        {notify(wallet, there(), access, id, "credential_lost"), "invalid_notification_request"},
	} {
		if test.answer.status != http.StatusBadRequest || !strings.Contains(test.answer.body, `"`+test.want+`"`) {
			t.Errorf("%s: %d %s", name, test.answer.status, test.answer.body)
		}
	}
}

func TestAWalletIsAuthorizedByThePerson(t *testing.T) {
	t.Parallel()
	wallet, key, b := proving(t, "wallet"), newKey(t), newBrowser(t)
	details := `[{"type":"openid_credential","credential_configuration_id":"national_id_sd_jwt"}]`
	a := wallet.ask("", "authorization_details", details, "dpop_jkt", wallet.thumbprint())
	page := b.submit(b.get(a.at(there())), map[string]string{"individual_id": "2000000187", "pin": pin})
	if !strings.Contains(page.body, "National ID") {
		t.Errorf("the person is not asked about the credential: %d %.300s", page.status, page.body)
	}
	code := a.code(b.submit(page, map[string]string{"decision": "allow"}))
	bare := newParty(t, "wallet")
	if got := bare.token(here(), a.grant(code)...); got.Error != "invalid_dpop_proof" {
		t.Errorf("a public client without a proof: %d %s", got.answer.status, got.answer.body)
	}
	got := a.redeemed(here(), code)
	if got.Type != "DPoP" || len(got.Details) != 1 || len(got.Details[0].Identifiers) != 1 || got.Details[0].Configuration != "national_id_sd_jwt" {
		t.Fatalf("token: %s", got.answer.body)
	}
	identifier := got.Details[0].Identifiers[0]
	_, disclosed := held(t, wallet.credential(there(), got.Access, byIdentifier, identifier, key).one(t), key)
	if disclosed["family_name"] == nil {
		t.Errorf("disclosed %v", disclosed)
	}
	renewed := wallet.refresh(there(), got.Refresh)
	if renewed.Type != "DPoP" || len(renewed.Details) != 1 {
		t.Fatalf("refresh: %d %s", renewed.answer.status, renewed.answer.body)
	}
	wallet.credential(here(), renewed.Access, byIdentifier, identifier, key).one(t)
	for name, got := range map[string]*issued{
		"by configuration": wallet.credential(here(), got.Access, byConfiguration, "national_id_sd_jwt", key),
		"another one":      wallet.credential(here(), got.Access, byIdentifier, "national_id_mdoc/1", key),
	} {
		if got.answer.status != http.StatusBadRequest || got.Error == "" {
			t.Errorf("asked for %s: %d %s", name, got.answer.status, got.answer.body)
		}
	}
	thief := proving(t, "wallet")
	if stolen := thief.credential(here(), got.Access, byIdentifier, identifier, key); !refusedToken(stolen.answer, "invalid_token") {
		t.Errorf("with another key: %d %s", stolen.answer.status, stolen.answer.body)
	}
	scoped := wallet.obtain("national_id_mdoc", "2000000187")
	wallet.credential(there(), scoped.Access, byConfiguration, "national_id_mdoc", key).one(t)
}
