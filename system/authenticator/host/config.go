package host

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Config is which plug-in to run and how long to wait for it.
type Config struct {
	// Command is the executable and its arguments. "--socket PATH" is added.
	Command []string
	// Digest is the SHA-256 of the executable, in hexadecimal.
	Digest string
	// Name is what the plug-in has to call itself.
	Name string
	// Folder is where the private folder with the socket is made; the system's
	// folder for temporary files when empty. Socket paths have 107 bytes at most.
	Folder string
	// CallTimeout bounds one call, waiting for a restart included; 500 ms when 0.
	CallTimeout time.Duration
	// StartTimeout bounds the time from a start to the handshake; 5 s when 0.
	StartTimeout time.Duration
	// HealthInterval is how often the plug-in is asked whether it is well; 1 s when 0.
	HealthInterval time.Duration
	// MaxCalls bounds the calls at one time; 64 when 0. More wait, no longer
	// than CallTimeout.
	MaxCalls int
	// MaxMemory bounds the plug-in's private writable memory, in bytes; 1 GiB when 0.
	MaxMemory uint64
}

func (c Config) defaults() Config {
	c.CallTimeout = orElse(c.CallTimeout, 500*time.Millisecond)
	c.StartTimeout = orElse(c.StartTimeout, 5*time.Second)
	c.HealthInterval = orElse(c.HealthInterval, time.Second)
	c.MaxCalls = orElse(c.MaxCalls, 64)
	c.MaxMemory = orElse(c.MaxMemory, 1<<30)
	return c
}

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

func (c Config) validate() error {
	if len(c.Command) == 0 || c.Command[0] == "" {
		return errors.New("authenticator plug-in: the command is missing")
	}
	if c.Name == "" {
		return errors.New("authenticator plug-in: the name is missing")
	}
	if raw, err := hex.DecodeString(c.Digest); err != nil || len(raw) != 32 {
		return fmt.Errorf("authenticator plug-in: digest %.70q is not a SHA-256 in hexadecimal", c.Digest)
	}
	return nil
}
