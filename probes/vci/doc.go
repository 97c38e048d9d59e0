// Package vci makes credential journeys over any issuer of OpenID4VCI 1.0: from
// an offer, or without one, to a credential that is verified to the bottom, and
// the requests that an issuer must refuse. It logs in by way of package oidc,
// and keeps neither credentials nor keys.
package vci
