package dnssec_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tocsin/probes/wire/dnssec"
	"tocsin/probes/wire/zonetest"
)

// asking returns a lookup at one server.
func asking(address string) dnssec.Lookup {
	return func(ctx context.Context, name string, kind uint16) (*dns.Msg, error) {
		question := new(dns.Msg).SetQuestion(name, kind)
		question.CheckingDisabled = true
		question.SetEdns0(4096, true)
		client := dns.Client{Timeout: 2 * time.Second, UDPSize: 4096}
		reply, _, err := client.ExchangeContext(ctx, question, address)
		if err == nil && reply.Truncated {
			client.Net = "tcp"
			reply, _, err = client.ExchangeContext(ctx, question, address)
		}
		return reply, err
	}
}

func validator(t testing.TB, world zonetest.World) *dnssec.Validator {
	t.Helper()
	anchors, err := dnssec.ReadAnchors(strings.NewReader(world.Anchors))
	if err != nil {
		t.Fatal(err)
	}
	return &dnssec.Validator{
		Anchors: anchors, Answer: asking(world.Address), Chain: asking(world.Address), Now: time.Now, Policy: dnssec.DefaultPolicy(),
	}
}

// delv is what BIND's validator says of the same question at the same server.
func delv(t *testing.T, world zonetest.World, name, kind string) (dnssec.Status, string) {
	t.Helper()
	path, err := exec.LookPath("delv")
	if err != nil {
		t.Fatal("delv is not installed; run system/packages.sh")
	}
	file := filepath.Join(t.TempDir(), "anchors")
	words := strings.Fields(world.RootDS[0])
	text := fmt.Sprintf("trust-anchors { . static-ds %s %s %s %q; };\n", words[0], words[1], words[2], strings.Join(words[3:], ""))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(world.Address, ":")
	output, err := exec.CommandContext(t.Context(), path, "@"+host, "-p", port, "-a", file, "+root=.", name, kind).CombinedOutput()
	if err != nil && len(output) == 0 {
		t.Fatal(err)
	}
	said := string(output)
	switch {
	case strings.Contains(said, "fully validated"):
		return dnssec.Secure, said
	case strings.Contains(said, "unsigned answer"), strings.Contains(said, "negative response, unsigned"):
		return dnssec.Insecure, said
	}
	return dnssec.Bogus, said
}

// Every zone of the world is judged, and BIND has a say in it.
func TestAnswersAreJudgedAsBINDDoes(t *testing.T) {
	world := zonetest.NewWorld(t)
	for _, tc := range []struct {
		name, kind string
		want       dnssec.Status
		why        string
	}{
		{"www.good.", "A", dnssec.Secure, ""},
		{"good.", "MX", dnssec.Secure, ""},
		{"good.", "DNSKEY", dnssec.Secure, ""},
		{"good.", "DS", dnssec.Secure, ""},
		{"www.sub.good.", "A", dnssec.Secure, ""},
		{"alias.good.", "A", dnssec.Secure, ""},
		{"away.good.", "A", dnssec.Secure, ""},
		{"x.old.good.", "A", dnssec.Secure, ""},
		{"dangling.good.", "A", dnssec.Secure, ""},
		{"a.wild.good.", "A", dnssec.Secure, ""},
		{"a.b.wild.good.", "A", dnssec.Secure, ""},
		{"a.wild.good.", "AAAA", dnssec.Secure, ""},
		{"*.wild.good.", "A", dnssec.Secure, ""},
		{"www.good.", "CAA", dnssec.Secure, ""},
		{"empty.below.good.", "A", dnssec.Secure, ""},
		{"deep.empty.below.good.", "A", dnssec.Secure, ""},
		{"nothing.good.", "A", dnssec.Secure, ""},
		{"far.below.nothing.good.", "A", dnssec.Secure, ""},
		{"no-such-zone.", "A", dnssec.Secure, ""},
		{"www.ed25519.", "A", dnssec.Secure, ""},
		{"www.rsa.", "A", dnssec.Secure, ""},
		{"www.nsec3.", "A", dnssec.Secure, ""},
		{"www.nsec3.", "CAA", dnssec.Secure, ""},
		{"nothing.nsec3.", "A", dnssec.Secure, ""},
		{"far.below.nothing.nsec3.", "A", dnssec.Secure, ""},
		{"a.wild.nsec3.", "A", dnssec.Secure, ""},
		{"a.wild.nsec3.", "AAAA", dnssec.Secure, ""},
		{"empty.below.nsec3.", "A", dnssec.Secure, ""},
		{"nothing.salted.", "A", dnssec.Secure, ""},
		{"www.optout.", "A", dnssec.Secure, ""},
		{"www.rollover.", "A", dnssec.Secure, ""},
		{"www.standby.", "A", dnssec.Secure, ""},
		{"www.sha1.", "A", dnssec.Secure, ""},

		{"www.unsigned.", "A", dnssec.Insecure, ". has no DS for unsigned."},
		{"www.unsigned.optout.", "A", dnssec.Insecure, "optout. has no DS for unsigned.optout."},
		{"www.nods.", "A", dnssec.Insecure, "has no DS for nods."},
		{"www.future-algorithm.", "A", dnssec.Insecure, "algorithms that are not known here"},
		{"nothing.tired.", "A", dnssec.Insecure, "hashes names 400 times"},

		{"www.broken.", "A", dnssec.Bogus, "did not make it"},
		{"www.changed.", "A", dnssec.Bogus, "did not make it"},
		{"www.stripped.", "A", dnssec.Bogus, "has no signature"},
		{"www.expired.", "A", dnssec.Bogus, "expired at 2024-02-01"},
		{"www.early.", "A", dnssec.Bogus, "not valid before 2037-01-01"},
		{"www.wrongds.", "A", dnssec.Bogus, "no key of wrongds. matches its DS"},
		{"www.keyless.", "A", dnssec.Bogus, "has no DNSKEY"},
		{"nothing.unproven.", "A", dnssec.Bogus, "no proof"},
		{"a.wild.unproven.", "A", dnssec.Bogus, ""},
		{"nothing.unproven3.", "A", dnssec.Bogus, "no signature over"},
	} {
		t.Run(tc.name+" "+tc.kind, func(t *testing.T) {
			t.Parallel()
			got, err := validator(t, world).Validate(t.Context(), tc.name, dns.StringToType[tc.kind])
			if err != nil {
				t.Fatal(err)
			}
			if got.Status != tc.want || !strings.Contains(got.Why, tc.why) {
				t.Errorf("%s: %s, want %s: %s", got.Status, got.Why, tc.want, tc.why)
			}
			if second, said := delv(t, world, tc.name, tc.kind); second != tc.want {
				t.Errorf("delv says %s:\n%s", second, said)
			}
		})
	}
}

func TestWhatTheChainRestsOnIsTold(t *testing.T) {
	world := zonetest.NewWorld(t)
	good, err := validator(t, world).Validate(t.Context(), "away.sub.good.", dns.TypeA)
	if err != nil {
		t.Fatal(err)
	}
	if zones := strings.Join(good.Zones, " "); zones != ". good. sub.good. nsec3." {
		t.Errorf("went through %s", zones)
	}
	if left := time.Until(good.Expires); left < 20*24*time.Hour || left > 35*24*time.Hour || len(good.Records) != 2 || len(good.Weak) != 0 {
		t.Errorf("expires %s, %d records, weak %v", good.Expires, len(good.Records), good.Weak)
	}
	weak, err := validator(t, world).Validate(t.Context(), "www.sha1.", dns.TypeA)
	if err != nil || len(weak.Weak) != 2 || !strings.Contains(weak.Weak[0], "RSASHA1") {
		t.Errorf("SHA-1 is not told: %v, %v", weak.Weak, err)
	}
	strict := validator(t, world)
	strict.Policy.RSABits = 2048
	if short, err := strict.Validate(t.Context(), "www.rsa.", dns.TypeA); err != nil || len(short.Weak) != 2 || !strings.Contains(short.Weak[0], "1024 bits") {
		t.Errorf("short keys are not told: %v, %v", short.Weak, err)
	}
}

func TestWhatCannotBeAskedIsIndeterminate(t *testing.T) {
	away := func(context.Context, string, uint16) (*dns.Msg, error) { return nil, errors.New("no answer") }
	anchors, err := dnssec.Root()
	if err != nil {
		t.Fatal(err)
	}
	v := dnssec.Validator{Anchors: anchors, Answer: away, Chain: away, Now: time.Now}
	if got, err := v.Validate(t.Context(), "id.example.", dns.TypeA); err == nil || got.Status != dnssec.Indeterminate {
		t.Errorf("%s, %v", got.Status, err)
	}
	v.Anchors = dnssec.Anchors{"private.": anchors["."]}
	if got, err := v.Validate(t.Context(), "id.example.", dns.TypeA); err != nil || got.Status != dnssec.Indeterminate || !strings.Contains(got.Why, "no trust anchor") {
		t.Errorf("%s: %s, %v", got.Status, got.Why, err)
	}
}

// The anchors built in are those that a key set of the root would be accepted
// by: both are digests by SHA-256 of RSA keys.
func TestRootAnchors(t *testing.T) {
	anchors, err := dnssec.Root()
	if err != nil {
		t.Fatal(err)
	}
	var tags []uint16
	for _, anchor := range anchors["."] {
		tags = append(tags, anchor.KeyTag)
		if anchor.Algorithm != dns.RSASHA256 || anchor.DigestType != dns.SHA256 || len(anchor.Digest) != 64 {
			t.Errorf("anchor %s", anchor)
		}
	}
	if fmt.Sprint(tags) != "[20326 38696]" {
		t.Errorf("anchors of keys %v", tags)
	}
}

func TestAnchorsThatCannotBeReadAreRefused(t *testing.T) {
	for _, text := range []string{"", "; nothing", ". IN A 192.0.2.1", ". IN DS 1 2", "example. IN DNSKEY 257 3 13 !"} {
		if anchors, err := dnssec.ReadAnchors(strings.NewReader(text)); err == nil {
			t.Errorf("%q gives %v", text, anchors)
		}
	}
}

// Whatever a server answers, validation comes to an end and calls nothing
// secure that has no signature of a trusted key.
func FuzzAnswers(f *testing.F) {
	reply := new(dns.Msg).SetQuestion("www.example.", dns.TypeA)
	for _, text := range []string{
		"www.example. IN A 192.0.2.1", "www.example. IN CNAME www.example.", ". IN DNSKEY 257 3 13 AAAA", "example. IN DNAME example.",
		"www.example. IN NSEC3 1 0 0 - AAAA A", "www.example. IN RRSIG A 13 2 300 20370101000000 20200101000000 1 . AAAA",
	} {
		record, err := dns.NewRR(text)
		if err != nil {
			f.Fatal(err)
		}
		reply.Answer, reply.Ns = append(reply.Answer, record), append(reply.Ns, record)
	}
	packed, err := reply.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	anchors, err := dnssec.Root()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		message := new(dns.Msg)
		if message.Unpack(data) != nil {
			return
		}
		answer := func(context.Context, string, uint16) (*dns.Msg, error) { return message, nil }
		v := dnssec.Validator{Anchors: anchors, Answer: answer, Chain: answer, Now: time.Now, Policy: dnssec.DefaultPolicy()}
		if got, err := v.Validate(t.Context(), "www.example.", dns.TypeA); err == nil && got.Status == dnssec.Secure {
			t.Errorf("secure: %v", got.Records)
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	world := zonetest.NewWorld(b)
	for b.Loop() {
		got, err := validator(b, world).Validate(b.Context(), "www.sub.good.", dns.TypeA)
		if err != nil || got.Status != dnssec.Secure {
			b.Fatal(got, err)
		}
	}
}

// The key signing keys of the root as Debian's dns-root-data 2024071801 has
// them, which it takes from IANA's root-anchors.xml.
const rootKeys = `
. IN DNSKEY 257 3 8 AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5emLvN7SWXgnLh4+B5xQlNVz8Og8kvArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8efS3rCj/EWgvIWgb9tarpVUDK/b58Da+sqqls3eNbuv7pr+eoZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfdRUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qihylGa8subX2Nn6UwNR1AkUTV74bU=
. IN DNSKEY 257 3 8 AwEAAa96jeuknZlaeSrvyAJj6ZHv28hhOKkx3rLGXVaC6rXTsDc449/cidltpkyGwCJNnOAlFNKF2jBosZBU5eeHspaQWOmOElZsjICMQMC3aeHbGiShvZsx4wMYSjH8e7Vrhbu6irwCzVBApESjbUdpWWmEnhathWu1jo+siFUiRAAxm9qyJNg/wOZqqzL/dL/q8PkcRU5oUKEpUge71M3ej2/7CPqpdVwuMoTvoB+ZOT4YeGyxMvHmbrxlFzGOHOijtzN+u1TQNatX2XBuzZNQ1K+s2CXkPIZo7s6JgZyvaBevYtxPvYLw4z9mR7K2vaF18UYH9Z9GNUUeayffKC73PYc=
`

func TestTheAnchorsAreTheKeysOfTheRoot(t *testing.T) {
	ours, err := dnssec.Root()
	if err != nil {
		t.Fatal(err)
	}
	published, err := dnssec.ReadAnchors(strings.NewReader(rootKeys))
	if err != nil {
		t.Fatal(err)
	}
	if len(ours) != 1 || len(ours["."]) != len(published["."]) {
		t.Fatalf("%d anchors, want %d", len(ours["."]), len(published["."]))
	}
	for index, want := range published["."] {
		got := ours["."][index]
		if got.KeyTag != want.KeyTag || got.Algorithm != want.Algorithm || got.DigestType != want.DigestType || !strings.EqualFold(got.Digest, want.Digest) {
			t.Errorf("anchor %v, want %v", got, want)
		}
	}
}
