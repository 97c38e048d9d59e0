// Package zonetest owns the name servers of tests: zones that are really signed
// (ldns), broken in the ways that tests ask for, and served by a real server
// (NSD) as a process of the test. Nothing but tests uses it.
package zonetest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Zone is one zone of a test.
type Zone struct {
	// Name with its final dot.
	Name string
	// Records of the zone beside SOA and NS, names relative to it.
	Records []string
	// Serial of the SOA. Default 1.
	Serial int
	// Algorithm of the keys. Default ECDSAP256SHA256; "none" leaves the zone
	// unsigned.
	Algorithm string
	// Sign are further arguments of ldns-signzone, such as -n for NSEC3.
	Sign []string
	// SecondKeys adds a key of each kind that signs as well, as while keys are
	// rolled over.
	SecondKeys bool
	// Break changes the signed zone, a record a line.
	Break func(lines []string) []string
	// Delegation changes the DS records that go to the parent.
	Delegation func(ds []string) []string
}

// Signed is a zone as it is served.
type Signed struct {
	Name string
	Text string
	// DS are the records for the parent.
	DS []string
}

// find looks for a program also where a user's PATH does not.
func find(t testing.TB, program string) string {
	t.Helper()
	for _, candidate := range []string{program, "/usr/sbin/" + program, "/usr/bin/" + program} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	t.Fatalf("%s is not installed; run system/packages.sh", program)
	return ""
}

func run(t testing.TB, dir, program string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), find(t, program), args...)
	command.Dir = dir
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, output)
	}
	return strings.TrimSpace(string(output))
}

// Sign makes a zone.
func Sign(t testing.TB, zone Zone) Signed {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "zone"), []byte(zone.text()), 0o600); err != nil {
		t.Fatal(err)
	}
	signed := Signed{Name: zone.Name, Text: zone.text()}
	if zone.Algorithm != "none" {
		signed.Text, signed.DS = zone.sign(t, dir)
	}
	if zone.Delegation != nil {
		signed.DS = zone.Delegation(signed.DS)
	}
	return signed
}

func (z Zone) text() string {
	serial := max(z.Serial, 1)
	lines := []string{
		"$ORIGIN " + z.Name, "$TTL 300",
		fmt.Sprintf("@ IN SOA ns.test. hostmaster.test. %d 3600 600 86400 300", serial),
		"@ IN NS ns.test.",
	}
	return strings.Join(append(lines, z.Records...), "\n") + "\n"
}

func (z Zone) sign(t testing.TB, dir string) (text string, ds []string) {
	t.Helper()
	algorithm := z.Algorithm
	if algorithm == "" {
		algorithm = "ECDSAP256SHA256"
	}
	args := []string{"-a", algorithm}
	if strings.HasPrefix(algorithm, "RSA") {
		args = append(args, "-b", "1024")
	}
	var keys []string
	kinds := [][]string{{"-k"}, {}}
	if z.SecondKeys {
		kinds = append(kinds, kinds...)
	}
	for _, kind := range kinds {
		key := run(t, dir, "ldns-keygen", append(append(args[:len(args):len(args)], kind...), z.Name)...)
		keys = append(keys, key)
		if len(kind) == 0 {
			continue
		}
		// SHA-256, whatever the default of the tool is.
		digest := run(t, dir, "ldns-key2ds", "-n", "-2", key+".key")
		ds = append(ds, digest)
	}
	arguments := append([]string{"-o", z.Name, "-f", "signed"}, z.Sign...)
	run(t, dir, "ldns-signzone", append(append(arguments, "zone"), keys...)...)
	signed, err := os.ReadFile(filepath.Join(dir, "signed"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(signed)), "\n")
	if z.Break != nil {
		lines = z.Break(lines)
	}
	return strings.Join(lines, "\n") + "\n", ds
}

// Server is an NSD of the test.
type Server struct {
	// Address is host:port, for UDP and TCP.
	Address string
}

// Serve starts a name server for zones; it ends with the test.
func Serve(t testing.TB, zones ...Signed) Server {
	t.Helper()
	dir := t.TempDir()
	port := freePort(t)
	config := fmt.Sprintf(`server:
	ip-address: 127.0.0.1@%[1]d
	username: ""
	chroot: ""
	zonesdir: %[2]q
	database: ""
	pidfile: "%[2]s/pid"
	xfrdfile: "%[2]s/xfrd.state"
	zonelistfile: "%[2]s/zone.list"
	xfrdir: %[2]q
	server-count: 1
	rrl-ratelimit: 0
	minimal-responses: no
remote-control:
	control-enable: no
`, port, dir)
	for i, zone := range zones {
		file := fmt.Sprintf("zone-%d", i)
		if err := os.WriteFile(filepath.Join(dir, file), []byte(zone.Text), 0o600); err != nil {
			t.Fatal(err)
		}
		config += fmt.Sprintf("zone:\n\tname: %q\n\tzonefile: %q\n", zone.Name, file)
	}
	path := filepath.Join(dir, "nsd.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	server := Server{Address: fmt.Sprintf("127.0.0.1:%d", port)}
	server.start(t, path, zones[0].Name)
	return server
}

func (s Server) start(t testing.TB, path, zone string) {
	t.Helper()
	var log strings.Builder
	command := exec.Command(find(t, "nsd"), "-d", "-c", path)
	command.Stderr = &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// How a server ends that was told to does not matter.
		_ = command.Wait()
	}()
	t.Cleanup(func() {
		// NSD passes the signal on to its children; killing it would not.
		_ = command.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			_ = command.Process.Kill()
			<-ended
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	question := new(dns.Msg).SetQuestion(zone, dns.TypeSOA)
	client := dns.Client{Timeout: 200 * time.Millisecond}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		if reply, _, err := client.ExchangeContext(ctx, question, s.Address); err == nil && reply.Rcode == dns.RcodeSuccess {
			return
		}
		select {
		case <-again.C:
		case <-ended:
			t.Fatalf("nsd ended:\n%s", log.String())
		case <-ctx.Done():
			t.Fatal("nsd does not answer")
		}
	}
}

// freePort is one that nothing uses over UDP or TCP.
func freePort(t testing.TB) int {
	t.Helper()
	for range 20 {
		listener, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := listener.Addr().(*net.TCPAddr)
		packets, err := net.ListenUDP("udp4", &net.UDPAddr{IP: address.IP, Port: address.Port})
		if closeErr := listener.Close(); closeErr != nil {
			t.Fatal(closeErr)
		}
		if err != nil {
			continue
		}
		if err := packets.Close(); err != nil {
			t.Fatal(err)
		}
		return address.Port
	}
	t.Fatal("no port is free for UDP and TCP")
	return 0
}
