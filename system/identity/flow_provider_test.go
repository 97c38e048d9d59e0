package identity_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"tocsin/system/identity"
)

// startProvider starts one more provider beside those of the site, with pages
// of zone a, and returns its gateway.
func startProvider(t *testing.T, zone string, change func(*identity.Config)) string {
	t.Helper()
	config, err := shared.rig.Config(zone, shared.issuer)
	if err != nil {
		t.Fatal(err)
	}
	change(config)
	port, err := shared.rig.Ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- identity.Run(ctx, config, logs()) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if err := shared.startGateway(port, "https://"+config.Public.Listen, "https://"+shared.zones[0].pages.Public.Listen); err != nil {
		t.Fatal(err)
	}
	ready := func() error { return shared.ops(ctx, config.Ops.Listen, "/readyz") }
	if err := await(ctx, 20*time.Second, ready); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("https://localhost:%d", port)
}
