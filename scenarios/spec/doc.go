// Package spec owns the form of a scenario file: strict YAML, its parameters,
// its JSON Schema and the checks that need no target. What its parts mean at
// run time is the engine's business.
package spec
