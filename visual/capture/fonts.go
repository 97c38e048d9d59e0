package capture

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os/exec"
	"slices"
)

// FontsHash identifies the fonts of this machine and their versions: the same
// page is set differently with others.
func FontsHash(ctx context.Context) (string, error) {
	path, err := exec.LookPath("fc-list")
	if errors.Is(err, exec.ErrNotFound) {
		return "", errors.New("list fonts: fc-list is missing: install it with: sudo apt-get install fontconfig")
	}
	if err != nil {
		return "", fmt.Errorf("list fonts: %w", err)
	}
	listed, err := exec.CommandContext(ctx, path, "--format", "%{file}|%{family}|%{style}|%{fontversion}\n").Output()
	if err != nil {
		return "", fmt.Errorf("list fonts: %w", err)
	}
	lines := bytes.Split(bytes.TrimSpace(listed), []byte("\n"))
	slices.SortFunc(lines, bytes.Compare)
	hash := sha256.Sum256(bytes.Join(lines, []byte("\n")))
	return hex.EncodeToString(hash[:]), nil
}
