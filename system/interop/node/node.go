// Package node runs the programs of this folder that are written for Node.js:
// clients and a peer that were not written here.
package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// oldest is the oldest major version that the libraries in package.json run on.
const oldest = 20

// ErrMissing means that this machine cannot run the programs; the message says
// what to install.
var ErrMissing = errors.New("cannot run the clients from npm")

// Root returns the folder with package.json, after checking that Node.js is
// new enough and that the pinned packages are installed.
func Root(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%w: install Node.js %d or later (node --version: %w)", ErrMissing, oldest, err)
	}
	version := strings.TrimSpace(string(out))
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if number, err := strconv.Atoi(major); err != nil || number < oldest {
		return "", fmt.Errorf("%w: Node.js is %s; install %d or later", ErrMissing, version, oldest)
	}
	root, err := folder()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(root, "node_modules", ".package-lock.json")); err != nil {
		return "", fmt.Errorf("%w: run `npm ci` in %s", ErrMissing, root)
	}
	return root, nil
}

// folder finds system/interop above the working directory, which for a test is
// the folder of its package.
func folder() (string, error) {
	at, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find module: %w", err)
	}
	for ; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return filepath.Join(at, "system", "interop"), nil
		}
	}
	return "", errors.New("find module: no go.mod above the working directory")
}

// Command returns program, a path below the folder, ready to start. It trusts
// the certificates in the PEM file authority, if one is given.
func Command(ctx context.Context, authority, program string, args ...string) (*exec.Cmd, error) {
	root, err := Root(ctx)
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, "node", append([]string{filepath.Join(root, program)}, args...)...)
	command.Dir = root
	command.Env = append(os.Environ(), "NODE_ENV=production")
	if authority != "" {
		command.Env = append(command.Env, "NODE_EXTRA_CA_CERTS="+authority)
	}
	return command, nil
}
