// Package offer makes credential offers (OpenID4VCI 1.0, 4): by value, and by
// reference with an address that is the sealed offer itself, so that nothing
// has to be kept for it. The pre-authorized code in an offer is sealed, too, and
// carries whose credential it is for; that it is redeemed once is kept elsewhere.
package offer
