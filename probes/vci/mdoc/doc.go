// Package mdoc reads mdocs as issued (ISO/IEC 18013-5, 9.1.2): the signature of
// the issuer, the digests of the elements, the device key and the times. It is
// given nothing but the credential and talks to nobody.
package mdoc
