package probes

import "regexp"

var place = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)

// CheckpointName is how the name of a checkpoint may look, for messages.
const CheckpointName = "1 to 63 letters, digits, dots, hyphens or underscores, with a letter or digit at both ends"

// ValidCheckpoint reports whether name may name a checkpoint: it becomes a
// label of metrics, the name in a certificate and the name of a file.
func ValidCheckpoint(name string) bool { return place.MatchString(name) }
