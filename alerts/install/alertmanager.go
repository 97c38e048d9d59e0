package install

import (
	"context"
	"fmt"
	"net/http"

	"go.yaml.in/yaml/v3"

	"tocsin/alerts/route"
)

// Alertmanager routes alerts as ConfigFile, a file of this machine, says.
type Alertmanager struct {
	URL        string
	ConfigFile string
	Client     *http.Client
}

// Apply writes config, makes Alertmanager load it, and checks that it routes
// to the pager. A file that Alertmanager does not accept is put back as it was.
func (a Alertmanager) Apply(ctx context.Context, config route.Config) error {
	data, err := config.YAML()
	if err != nil {
		return err
	}
	server := server{name: "Alertmanager", url: a.URL, client: a.Client}
	return apply(ctx, server, a.ConfigFile, data, func(ctx context.Context) error { return a.Verify(ctx, config) })
}

// loadedConfig is the part of Alertmanager's running configuration that says
// who is told. Newer versions write the webhook's address as "<secret>", so it
// is not compared.
type loadedConfig struct {
	Route struct {
		Receiver string `yaml:"receiver"`
		Routes   []struct {
			Receiver string   `yaml:"receiver"`
			Matchers []string `yaml:"matchers"`
		} `yaml:"routes"`
	} `yaml:"route"`
	InhibitRules []any `yaml:"inhibit_rules"`
	Receivers    []struct {
		Name     string `yaml:"name"`
		Webhooks []any  `yaml:"webhook_configs"`
	} `yaml:"receivers"`
}

// Verify asks Alertmanager for its running configuration and compares where it
// sends alerts with config.
func (a Alertmanager) Verify(ctx context.Context, config route.Config) error {
	var status struct {
		Config struct {
			Original string `json:"original"`
		} `json:"config"`
	}
	server := server{name: "Alertmanager", url: a.URL, client: a.Client}
	if err := server.get(ctx, "/api/v2/status", &status); err != nil {
		return err
	}
	var loaded loadedConfig
	if err := yaml.Unmarshal([]byte(status.Config.Original), &loaded); err != nil {
		return fmt.Errorf("verify Alertmanager: its running configuration: %w", err)
	}
	if err := sameRouting(config, loaded); err != nil {
		return fmt.Errorf("verify Alertmanager: %w: %w; does it read %s?", ErrRefused, err, a.ConfigFile)
	}
	return nil
}

func sameRouting(want route.Config, got loadedConfig) error {
	if got.Route.Receiver != want.Route.Receiver {
		return fmt.Errorf("alerts go to receiver %q, not to %q", got.Route.Receiver, want.Route.Receiver)
	}
	if len(got.Route.Routes) != len(want.Route.Routes) {
		return fmt.Errorf("%d routes are loaded below the first, not %d", len(got.Route.Routes), len(want.Route.Routes))
	}
	for i, child := range want.Route.Routes {
		if got.Route.Routes[i].Receiver != child.Receiver {
			return fmt.Errorf("route %d goes to receiver %q, not to %q", i, got.Route.Routes[i].Receiver, child.Receiver)
		}
	}
	if len(got.InhibitRules) > 0 {
		return fmt.Errorf("%d inhibition rules are loaded, which may hide an alert", len(got.InhibitRules))
	}
	for _, receiver := range want.Receivers {
		if !hasWebhook(got, receiver.Name) {
			return fmt.Errorf("receiver %q has no webhook", receiver.Name)
		}
	}
	return nil
}

func hasWebhook(config loadedConfig, name string) bool {
	for _, receiver := range config.Receivers {
		if receiver.Name == name {
			return len(receiver.Webhooks) > 0
		}
	}
	return false
}
