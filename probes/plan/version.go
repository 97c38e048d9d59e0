package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"tocsin/internal/strictyaml"
	"tocsin/internal/target"
)

// fingerprint tells apart what all probes of a target have in common.
func (p *Plan) fingerprint(t *target.Target) ([]byte, error) {
	sum := sha256.New()
	if err := t.Fingerprint(sum); err != nil {
		return nil, err
	}
	// Write of a hash never returns an error.
	fmt.Fprintf(sum, "%s %d\n", p.file.Defaults.Timeout, p.file.Defaults.Overlap)
	return sum.Sum(nil), nil
}

// version tells apart what one probe is made of: what it has in common with the
// others, what the plan file says at key, and the files that are named there.
func (p *Plan) version(common []byte, key string, files []string) (string, error) {
	sum := sha256.New()
	// Write of a hash never returns an error.
	sum.Write(common)
	if p.document != nil {
		fmt.Fprintf(sum, "%s\n", p.document.Content(key))
	}
	if err := target.Contents(sum, files); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)[:16]), nil
}

// Files are those that the plan was read from: its own, and those that its
// checks name.
func (p *Plan) Files() []string {
	if p.document == nil {
		return nil
	}
	return append([]string{p.path}, strictyaml.Files(&p.file)...)
}
