package configuration

import "time"

// The types of the national identity credential.
const (
	Doctype      = "org.example.nationalid.1"
	Namespace    = "org.example.nationalid.1"
	W3CType      = "NationalIdentityCredential"
	TypePath     = "/vci/types/national-id" // the vct, under the issuer
	life         = 365 * 24 * time.Hour
	reviewPeriod = 5 * time.Second
)

// DefaultBatch is the batch size that an issuer usually allows.
const DefaultBatch = 10

// NationalID returns the national identity credential in all formats, and once
// more with a review that makes wallets wait.
func NationalID(issuer string) []*Configuration {
	names := map[string]string{"en": "National ID", "nb": "Nasjonal ID", "ar": "الهوية الوطنية"}
	reviewed := map[string]string{"en": "National ID (reviewed)", "nb": "Nasjonal ID (etter kontroll)", "ar": "الهوية الوطنية (بعد المراجعة)"}
	return []*Configuration{
		{
			ID: "national_id_sd_jwt", Scope: "national_id_sd_jwt", Format: SDJWT, Type: issuer + TypePath,
			Names: names, Claims: claims(), Life: life,
		},
		{
			ID: "national_id_jwt_vc", Scope: "national_id_jwt_vc", Format: JWTVC, Type: W3CType,
			Names: names, Claims: claims(), Life: life,
		},
		{
			ID: "national_id_mdoc", Scope: "national_id_mdoc", Format: MDoc, Type: Doctype, Namespace: Namespace,
			Names: names, Claims: elements(), Life: life,
		},
		{
			ID: "national_id_reviewed", Scope: "national_id_reviewed", Format: SDJWT, Type: issuer + TypePath,
			Names: reviewed, Claims: claims(), Life: life, Defer: reviewPeriod,
		},
	}
}

// claims have the names of OpenID Connect Core, 5.1, with the photograph inside.
func claims() []Claim {
	return []Claim{
		{Source: "given_name", Name: "given_name", Mandatory: true, Names: map[string]string{"en": "Given name", "nb": "Fornavn", "ar": "الاسم الأول"}},
		{Source: "family_name", Name: "family_name", Mandatory: true, Names: map[string]string{"en": "Family name", "nb": "Etternavn", "ar": "اسم العائلة"}},
		{Source: "birthdate", Name: "birthdate", Encoding: Date, Names: map[string]string{"en": "Date of birth", "nb": "Fødselsdato", "ar": "تاريخ الميلاد"}},
		{Source: "gender", Name: "gender", Names: map[string]string{"en": "Gender", "nb": "Kjønn", "ar": "الجنس"}},
		{Source: "address", Name: "address", Names: map[string]string{"en": "Address", "nb": "Adresse", "ar": "العنوان"}},
		{Source: "email", Name: "email", Names: map[string]string{"en": "Email", "nb": "E-post", "ar": "البريد الإلكتروني"}},
		{Source: "phone_number", Name: "phone_number", Names: map[string]string{"en": "Phone", "nb": "Telefon", "ar": "الهاتف"}},
		{Source: "portrait", Name: "picture", Encoding: Picture, Names: map[string]string{"en": "Photograph", "nb": "Fotografi", "ar": "الصورة"}},
	}
}

// elements have the names of ISO/IEC 18013-5, 7.2.1 where it has one.
func elements() []Claim {
	elements := claims()
	named := map[string]string{"birthdate": "birth_date", "email": "email_address", "picture": "portrait"}
	for i, element := range elements {
		if name, differs := named[element.Name]; differs {
			elements[i].Name = name
		}
	}
	return elements
}
