// Package slos holds the SLOs that Tocsin ships with. It does not read them.
package slos

import _ "embed"

//go:embed login.yaml
var login []byte

// LoginFile is the name of Login in messages.
const LoginFile = "alerts/slos/login.yaml"

// Login returns the SLO of logging in.
func Login() []byte { return login }
