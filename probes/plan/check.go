package plan

import (
	"tocsin/internal/strictyaml"
	"tocsin/probes"
	grpccheck "tocsin/probes/grpc"
	httpcheck "tocsin/probes/http"
	"tocsin/probes/journey"
	tcpcheck "tocsin/probes/tcp"
	"tocsin/probes/wire/dnscheck"
	"tocsin/probes/wire/headers"
	"tocsin/probes/wire/ports"
	"tocsin/probes/wire/tlscheck"
)

// Check is one probe of a single thing. Exactly one kind is set.
type Check struct {
	Name   string `yaml:"name"`
	Timing `yaml:",inline"`

	DNS     *dnscheck.Config  `yaml:"dns"`
	GRPC    *grpccheck.Config `yaml:"grpc"`
	Headers *headers.Config   `yaml:"headers"`
	Ports   *ports.Config     `yaml:"ports"`
	HTTP    *httpcheck.Config `yaml:"http"`
	TCP     *tcpcheck.Config  `yaml:"tcp"`
	TLS     *tlscheck.Config  `yaml:"tls"`
}

// kinds lists the kinds that a check may be of, in the order of the file's
// documentation.
func (c *Check) kinds() []kind {
	return []kind{
		kindOf("http", c.HTTP, httpcheck.New),
		kindOf("tcp", c.TCP, tcpcheck.New),
		kindOf("grpc", c.GRPC, grpccheck.New),
		kindOf("tls", c.TLS, tlscheck.New),
		kindOf("dns", c.DNS, dnscheck.New),
		kindOf("headers", c.Headers, headers.New),
		kindOf("ports", c.Ports, ports.New),
	}
}

// kind is the configuration of one kind of check under its key in the file.
// The package that the configuration comes from owns what it means.
type kind struct {
	key string
	// set is true where the file has it.
	set     bool
	resolve func(folder string)
	check   func(report strictyaml.Report)
	probe   func(base journey.Config, name string) (probes.Probe, error)
}

// configuration is what the package of a kind provides: paths made absolute,
// and defaults filled in while everything wrong is reported, by keys that are
// relative to it.
type configuration[C any] interface {
	*C
	Resolve(folder string)
	Check(report strictyaml.Report)
}

// kindOf ties a configuration to the key it has in the file and to the probe
// that is made of it.
func kindOf[C any, P configuration[C]](key string, cfg P, build func(journey.Config, string, C) (probes.Probe, error)) kind {
	return kind{
		key: key, set: cfg != nil,
		resolve: func(folder string) { cfg.Resolve(folder) },
		check:   func(report strictyaml.Report) { cfg.Check(report) },
		probe: func(base journey.Config, name string) (probes.Probe, error) {
			return build(base, name, *cfg)
		},
	}
}
