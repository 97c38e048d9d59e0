package host

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Digest returns the SHA-256 of the file at path, as configurations have it.
func Digest(path string) (string, error) {
	file, digest, err := open(path)
	if err != nil {
		return "", err
	}
	return digest, file.Close()
}

// verified opens the executable if it has the digest. What is then started is
// this descriptor, not whatever has the name by then.
func verified(path, want string) (*os.File, error) {
	file, got, err := open(path)
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(got, want) {
		err := fmt.Errorf("plug-in %s has digest %s, not %s: it is not started", path, got, want)
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func open(path string) (*os.File, string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, "", fmt.Errorf("open plug-in: %w", err)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return nil, "", errors.Join(fmt.Errorf("read plug-in: %w", err), file.Close())
	}
	return file, hex.EncodeToString(hash.Sum(nil)), nil
}
