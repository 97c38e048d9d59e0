package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"tocsin/probes/quorum"
)

// Quorum is who must agree on an outage; nil where nobody is asked.
func (p *Plan) Quorum() *quorum.Config { return p.file.Quorum }

// Checksum tells plans apart: that of the file and of the times that follow, or
// without a file, of the probes that follow from the target and their times.
// Checkpoints of one system should have the same.
func (p *Plan) Checksum(entries []Entry) string {
	hash := sha256.New()
	// Write of a hash never returns an error.
	hash.Write(p.sum[:])
	fmt.Fprintf(hash, "%s\n", p.file.Defaults.Interval)
	if p.document == nil {
		for _, entry := range entries {
			fmt.Fprintf(hash, "%s %s %v\n", entry.Probe.Name(), entry.Interval, entry.Off)
		}
	}
	return hex.EncodeToString(hash.Sum(nil)[:6])
}
