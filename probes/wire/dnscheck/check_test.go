package dnscheck

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/journey"
	"tocsin/probes/wire/zonetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func run(t *testing.T, c Config) probes.Result {
	t.Helper()
	probe, err := New(journey.Config{Target: "test"}, "names", c)
	if err != nil {
		t.Fatal(err)
	}
	return probe.Run(t.Context())
}

func anchors(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "anchors")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// One server of our own with good and broken zones answers for every case.
func TestNamesAreAsPromised(t *testing.T) {
	world := zonetest.NewWorld(t)
	file := anchors(t, world.Anchors)
	secure := func(expire time.Duration) *DNSSEC { return &DNSSEC{AnchorsFile: file, ExpireIn: expire} }
	of := func(record Record, dnssec *DNSSEC) Config {
		return Config{Servers: []string{world.Address}, Authoritative: true, Records: []Record{record}, DNSSEC: dnssec}
	}
	for name, tc := range map[string]struct {
		config Config
		want   verdict.Reason
		detail string
	}{
		"address":                       {of(Record{Name: "www.good", Type: "A", Equals: []string{"192.0.2.2", "192.0.2.1"}}, nil), verdict.OK, ""},
		"address of IPv6 spelt long":    {of(Record{Name: "www.good", Type: "AAAA", Equals: []string{"2001:0db8:0::1"}}, nil), verdict.OK, ""},
		"through an alias":              {of(Record{Name: "alias.good", Type: "A", Contains: []string{"192.0.2.1"}}, nil), verdict.OK, ""},
		"text":                          {of(Record{Name: "www.good", Type: "TXT", Equals: []string{"hello world"}}, nil), verdict.OK, ""},
		"mail":                          {of(Record{Name: "good", Type: "MX", Equals: []string{"10 MAIL.good."}}, nil), verdict.OK, ""},
		"authorities":                   {of(Record{Name: "good", Type: "CAA", Contains: []string{`0 issue "ca.example"`}}, nil), verdict.OK, ""},
		"absent":                        {of(Record{Name: "nothing.good", Type: "A", Absent: true}, nil), verdict.OK, ""},
		"other address":                 {of(Record{Name: "www.good", Type: "A", Equals: []string{"192.0.2.1"}}, nil), verdict.DNSRecord, "www.good. A is 192.0.2.1, 192.0.2.2, expected 192.0.2.1"},
		"text lacking":                  {of(Record{Name: "www.good", Type: "TXT", Contains: []string{"v=spf1"}}, nil), verdict.DNSRecord, `lacks "v=spf1"`},
		"too few":                       {of(Record{Name: "www.good", Type: "A", MinCount: 3}, nil), verdict.DNSRecord, "fewer than 3"},
		"kept too long":                 {of(Record{Name: "www.good", Type: "A", MaxTTL: time.Minute}, nil), verdict.DNSRecord, "may be kept 5m0s, longer than 1m0s"},
		"kept too short":                {of(Record{Name: "www.good", Type: "A", MinTTL: time.Hour}, nil), verdict.DNSRecord, "shorter than 1h0m0s"},
		"missing name":                  {of(Record{Name: "nothing.good", Type: "A"}, nil), verdict.DNSRecord, "the name does not exist"},
		"missing type":                  {of(Record{Name: "mail.good", Type: "AAAA"}, nil), verdict.DNSRecord, "mail.good. AAAA is missing"},
		"there and must not be":         {of(Record{Name: "mail.good", Type: "A", Absent: true}, nil), verdict.DNSRecord, "must not be there"},
		"secure":                        {of(Record{Name: "www.sub.good", Type: "A"}, secure(time.Hour)), verdict.OK, ""},
		"securely absent":               {of(Record{Name: "nothing.nsec3", Type: "A", Absent: true}, secure(time.Hour)), verdict.OK, ""},
		"rollover":                      {of(Record{Name: "www.rollover", Type: "A"}, secure(time.Hour)), verdict.OK, ""},
		"signature expires soon":        {of(Record{Name: "www.good", Type: "A"}, secure(90*24*time.Hour)), verdict.DNSSEC, "secure until"},
		"weak algorithm":                {of(Record{Name: "www.sha1", Type: "A"}, secure(time.Hour)), verdict.DNSSEC, "RSASHA1"},
		"expired signature":             {of(Record{Name: "www.expired", Type: "A"}, secure(time.Hour)), verdict.DNSSEC, "is bogus, not secure: no signature over"},
		"changed record":                {of(Record{Name: "www.changed", Type: "A"}, secure(time.Hour)), verdict.DNSSEC, "bogus"},
		"wrong DS":                      {of(Record{Name: "www.wrongds", Type: "A"}, secure(time.Hour)), verdict.DNSSEC, "matches its DS"},
		"missing DS":                    {of(Record{Name: "www.nods", Type: "A"}, secure(time.Hour)), verdict.DNSSEC, "is insecure, not secure"},
		"unsigned, and known to be":     {of(Record{Name: "www.unsigned", Type: "A"}, &DNSSEC{AnchorsFile: file, Require: "insecure"}), verdict.OK, ""},
		"signed, and thought not to be": {of(Record{Name: "www.good", Type: "A"}, &DNSSEC{AnchorsFile: file, Require: "insecure"}), verdict.DNSSEC, "is secure, not insecure"},
		"root that is not ours":         {of(Record{Name: "www.good", Type: "A"}, &DNSSEC{}), verdict.DNSSEC, "no key of . matches its DS (20326, 38696)"},
		"zone of the server":            {Config{Servers: []string{world.Address}, Authoritative: true, Zone: "good"}, verdict.OK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, tc.config)
			if got.Reason != tc.want || !strings.Contains(got.Detail, tc.detail) {
				t.Errorf("%s: %s, want %s: %s", got.Reason, got.Detail, tc.want, tc.detail)
			}
			if tc.want != verdict.OK && !strings.HasSuffix(got.FailedStep, world.Address) {
				t.Errorf("blames %q", got.FailedStep)
			}
		})
	}
}

func TestServersOfAZoneAgree(t *testing.T) {
	serve := func(serial int) string {
		return zonetest.Serve(t, zonetest.Sign(t, zonetest.Zone{Name: "z.", Serial: serial, Algorithm: "none"})).Address
	}
	first, same, behind := serve(7), serve(7), serve(6)
	settle := 10 * time.Millisecond
	if got := run(t, Config{Servers: []string{first, same}, Authoritative: true, Zone: "z", Settle: settle}); got.Reason != verdict.OK {
		t.Errorf("same serial: %s: %s", got.Reason, got.Detail)
	}
	got := run(t, Config{Servers: []string{first, behind}, Authoritative: true, Zone: "z", Settle: settle})
	if got.Reason != verdict.Disagreement || got.FailedStep != "serial" || !strings.Contains(got.Detail, behind+" has serial 6") {
		t.Errorf("one behind: %s at %s: %s", got.Reason, got.FailedStep, got.Detail)
	}
	got = run(t, Config{Servers: []string{first}, Authoritative: true, Zone: "other", Settle: settle})
	if got.Reason != verdict.DNSRecord {
		t.Errorf("no authority: %s: %s", got.Reason, got.Detail)
	}
}

// The servers that NS records name are asked, not those of the plan.
func TestServersAreFoundByTheirNames(t *testing.T) {
	world := zonetest.NewWorld(t)
	cfg := Config{Servers: []string{world.Address}, Zone: "good."}
	_, port, _ := strings.Cut(world.Address, ":")
	c := check{cfg: &cfg, servers: cfg.Servers, timeout: 2 * time.Second, port: port}
	found, err := c.authorities(t.Context())
	if err != nil || len(found) != 1 || found[0] != world.Address {
		t.Errorf("found %v, %v", found, err)
	}
	cfg.Zone = "nothing.good."
	if _, err := c.authorities(t.Context()); err == nil || !strings.Contains(err.Error(), "NS is missing") {
		t.Errorf("zone that is none: %v", err)
	}
}

func TestServersThatAreAway(t *testing.T) {
	silent, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	garbage, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buffer := make([]byte, 512)
		for {
			_, from, err := garbage.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = garbage.WriteTo([]byte("\x00\x01garbage"), from)
		}
	}()
	defer func() { garbage.Close(); <-ended }()
	closed, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, tc := range map[string]struct {
		address string
		want    verdict.Reason
	}{
		"silent": {silent.LocalAddr().String(), verdict.Timeout}, "closed": {closed.LocalAddr().String(), verdict.Refused},
	} {
		got := run(t, Config{Servers: []string{tc.address}, Records: []Record{{Name: "a", Type: "A"}}})
		if got.Reason != tc.want || got.FailedStep != "records "+tc.address {
			t.Errorf("%s: %s at %s: %s", name, got.Reason, got.FailedStep, got.Detail)
		}
	}
	got := run(t, Config{Servers: []string{garbage.LocalAddr().String()}, Records: []Record{{Name: "a", Type: "A"}}})
	if got.Verdict != verdict.Fail {
		t.Errorf("garbage: %s: %s", got.Reason, got.Detail)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	probe, err := New(journey.Config{}, "names", Config{Servers: []string{silent.LocalAddr().String()}, Records: []Record{{Name: "a", Type: "A"}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := probe.Run(ctx); got.Reason != verdict.Stopped {
		t.Errorf("stopped: %s: %s", got.Reason, got.Detail)
	}
}

func TestMistakesInThePlanAreExplained(t *testing.T) {
	record := Record{Name: "a.example", Type: "A"}
	for name, tc := range map[string]struct {
		config    Config
		key, hint string
	}{
		"nothing to check":    {Config{}, "records", "records:"},
		"no servers":          {Config{Authoritative: true, Zone: "z"}, "servers", "authoritative"},
		"an address with URL": {Config{Servers: []string{"https://dns"}, Zone: "z"}, "servers[0]", "name or address"},
		"no type":             {Config{Records: []Record{{Name: "a", Type: "AA"}}}, "records[0].type", "AAAA"},
		"no name":             {Config{Records: []Record{{Name: "a..b", Type: "A"}}}, "records[0].name", ""},
		"value of another":    {Config{Records: []Record{{Name: "a", Type: "A", Equals: []string{"mail"}}}}, "records[0].equals[0]", "zone file"},
		"absent and present":  {Config{Records: []Record{{Name: "a", Type: "A", Absent: true, MinCount: 2}}}, "records[0].absent", ""},
		"unknown demand":      {Config{Records: []Record{record}, DNSSEC: &DNSSEC{Require: "yes"}}, "dnssec.require", "secure"},
		"unknown algorithm":   {Config{Records: []Record{record}, DNSSEC: &DNSSEC{Algorithms: []string{"ECDSAP256"}}}, "dnssec.algorithms[0]", "ECDSAP256SHA256"},
		"no anchors":          {Config{Records: []Record{record}, DNSSEC: &DNSSEC{AnchorsFile: "/nonexistent"}}, "dnssec.anchors_file", "DS or DNSKEY"},
	} {
		t.Run(name, func(t *testing.T) {
			found := map[string]string{}
			tc.config.Check(func(key, _, hint string) { found[key] = hint })
			if hint, reported := found[tc.key]; !reported || !strings.Contains(hint, tc.hint) {
				t.Errorf("reported %v, want %s with hint %q", found, tc.key, tc.hint)
			}
		})
	}
}
