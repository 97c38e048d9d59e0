package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"tocsin/system/identity"
	"tocsin/system/identity/keyset"
)

// rotateCommand prints its result alone to stdout, so that others can read it.
func rotateCommand(stdout, stderr io.Writer, configured func()) *cobra.Command {
	var use string
	var now, asJSON bool
	made := command("rotate-keys", "Make the next signing keys now", func(ctx context.Context, file string) error {
		wanted := keyset.Use(use)
		if !slices.Contains([]keyset.Use{keyset.Token, keyset.Credential}, wanted) {
			return fmt.Errorf("--use is %q: must be %s or %s", use, keyset.Token, keyset.Credential)
		}
		config, err := identity.LoadConfig(file)
		if err != nil {
			return err
		}
		configured()
		rotation, err := identity.RotateKeys(ctx, config, wanted, now, stderr)
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(stdout).Encode(rotation)
		}
		return rotation.Text(stdout)
	})
	made.Long = "Make the next signing keys of a use now, and print from when on they sign.\n" +
		"They are published at once and sign when nobody can have cached the keys without\n" +
		"them any more. Keys that are on their way already are not made again.\n\n" +
		"With --now they sign half a minute later, for when the current keys are lost or\n" +
		"must sign no more. Clients that cached the keys refuse what the new ones sign\n" +
		"until they look again, for up to five minutes."
	made.Flags().StringVar(&use, "use", string(keyset.Token), "which keys: token or credential")
	made.Flags().BoolVar(&now, "now", false, "have them sign as soon as every zone publishes them")
	made.Flags().BoolVar(&asJSON, "json", false, "print JSON instead of text")
	return made
}
