// Package ownerfile owns files that hold secrets: they are written whole or not
// at all, and only their owner can read them, whatever was there before.
package ownerfile

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Write replaces the file at path. After a crash or a loss of power it is the old
// or the new one; who had the old one open keeps that.
func Write(path string, data []byte) (err error) {
	// The draft lies beside it: a secret has no business in a folder for everybody.
	draft, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, draft.Cleanup()) }()
	if _, err := draft.Write(data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := draft.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
