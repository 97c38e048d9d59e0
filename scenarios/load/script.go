package load

import "embed"

// Entry is the script that k6 runs; the others are imported by it.
const Entry = "login.js"

// Scripts are the k6 scripts of the login.
//
//go:embed *.js
var Scripts embed.FS
