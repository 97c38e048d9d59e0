// Package route owns who hears an alert: it makes the Alertmanager
// configuration. It is pure and sends nothing.
package route

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// Receiver is the name of the pager in the configuration.
const Receiver = "tocsin-pager"

// How long Alertmanager holds notifications back. The sum of wait and the
// alert's own delay must stay within the 30 s that a page may take.
const (
	groupWait      = time.Second
	groupInterval  = 5 * time.Second
	repeatInterval = time.Hour
	// A watchdog that repeats every hour would be missed an hour late.
	watchdogRepeat = time.Minute
)

// Pager is the webhook that receives the alerts, as Alertmanager sees it. The
// files are on Alertmanager's machine; an empty one is not used.
type Pager struct {
	WebhookURL string
	CAFile     string
	CertFile   string
	KeyFile    string
}

// Config is the part of an Alertmanager configuration that Tocsin uses. The
// types of Alertmanager itself write every secret, the webhook's address among
// them, as "<secret>".
type Config struct {
	Route     Route           `yaml:"route"`
	Receivers []ReceiverEntry `yaml:"receivers"`
}

// Route sends the alerts that its matchers match to its receiver.
type Route struct {
	Receiver       string   `yaml:"receiver"`
	Matchers       []string `yaml:"matchers,omitempty"`
	GroupBy        []string `yaml:"group_by,omitempty,flow"`
	GroupWait      Duration `yaml:"group_wait,omitempty"`
	GroupInterval  Duration `yaml:"group_interval,omitempty"`
	RepeatInterval Duration `yaml:"repeat_interval,omitempty"`
	Routes         []Route  `yaml:"routes,omitempty"`
}

// ReceiverEntry is one receiver.
type ReceiverEntry struct {
	Name     string    `yaml:"name"`
	Webhooks []Webhook `yaml:"webhook_configs"`
}

// Webhook posts alerts as JSON.
type Webhook struct {
	URL          string      `yaml:"url"`
	SendResolved bool        `yaml:"send_resolved"`
	HTTP         *HTTPConfig `yaml:"http_config,omitempty"`
}

// HTTPConfig is how Alertmanager speaks to a webhook.
type HTTPConfig struct {
	TLS TLSConfig `yaml:"tls_config"`
}

// TLSConfig names files on Alertmanager's machine.
type TLSConfig struct {
	CAFile   string `yaml:"ca_file,omitempty"`
	CertFile string `yaml:"cert_file,omitempty"`
	KeyFile  string `yaml:"key_file,omitempty"`
}

// Duration is written as Alertmanager writes it: 1h, 5s.
type Duration time.Duration

// MarshalText renders d as a string.
func (d Duration) MarshalText() ([]byte, error) { return []byte(model.Duration(d).String()), nil }

// New makes the configuration that sends every alert to pager. Alerts of one
// name and zone arrive together. There is no inhibition: the loss of a zone
// also makes logins fail, and a rule that kept the louder of the two would
// hide the cause.
func New(pager Pager, watchdog string) (Config, error) {
	if pager.WebhookURL == "" {
		return Config{}, errors.New("make Alertmanager configuration: no address for the pager's webhook")
	}
	if (pager.CertFile == "") != (pager.KeyFile == "") {
		return Config{}, errors.New("make Alertmanager configuration: a client certificate needs both cert_file and key_file")
	}
	webhook := Webhook{URL: pager.WebhookURL, SendResolved: true}
	if tls := (TLSConfig{CAFile: pager.CAFile, CertFile: pager.CertFile, KeyFile: pager.KeyFile}); tls != (TLSConfig{}) {
		webhook.HTTP = &HTTPConfig{TLS: tls}
	}
	return Config{
		Route: Route{
			Receiver:       Receiver,
			GroupBy:        []string{"alertname", "zone"},
			GroupWait:      Duration(groupWait),
			GroupInterval:  Duration(groupInterval),
			RepeatInterval: Duration(repeatInterval),
			Routes: []Route{{
				Receiver:       Receiver,
				Matchers:       []string{fmt.Sprintf("alertname=%q", watchdog)},
				RepeatInterval: Duration(watchdogRepeat),
			}},
		},
		Receivers: []ReceiverEntry{{Name: Receiver, Webhooks: []Webhook{webhook}}},
	}, nil
}

const header = "# Written by `tocsin alerts apply`; changes made here are lost.\n"

// YAML renders c as Alertmanager reads it.
func (c Config) YAML() ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(header)
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(c); err != nil {
		return nil, fmt.Errorf("write Alertmanager configuration: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("write Alertmanager configuration: %w", err)
	}
	return out.Bytes(), nil
}
