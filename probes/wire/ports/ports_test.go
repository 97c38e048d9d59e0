package ports

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/journey"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen opens a port of this machine and returns its number.
func listen(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

// shut returns a port that nothing listens at.
func shut(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// silence returns a port that answers nothing: its queue of connections is
// full, so the kernel drops what asks for another.
func silence(t *testing.T) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := name.(*syscall.SockaddrInet4).Port
	for range 8 {
		held, err := net.DialTimeout("tcp4", fmt.Sprintf("127.0.0.1:%d", port), 200*time.Millisecond)
		if err != nil {
			return port
		}
		t.Cleanup(func() { held.Close() })
	}
	t.Fatal("the queue of the port does not fill up")
	return 0
}

func run(t *testing.T, c Config) probes.Result {
	t.Helper()
	if c.Hosts == nil {
		c.Hosts = []string{"127.0.0.1"}
	}
	if c.Rate == 0 {
		c.Rate = 5000
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 300 * time.Millisecond
	}
	probe, err := New(journey.Config{Target: "test"}, "sweep", c)
	if err != nil {
		t.Fatal(err)
	}
	return probe.Run(t.Context())
}

func list(ports ...int) string {
	var parts []string
	for _, port := range ports {
		parts = append(parts, fmt.Sprint(port))
	}
	return strings.Join(parts, ",")
}

func TestPortsAreAsPromised(t *testing.T) {
	// A name that cannot exist, so that nobody is asked for it.
	tooLong := strings.Repeat("a", 64) + ".example"
	promised, surprise, down, quiet := listen(t), listen(t), shut(t), silence(t)
	for name, tc := range map[string]struct {
		config Config
		want   verdict.Reason
		detail string
	}{
		"all as promised":             {Config{Open: []int{promised}, Range: list(down)}, verdict.OK, ""},
		"a port too many is open":     {Config{Open: []int{promised}, Range: list(down, surprise)}, verdict.Port, fmt.Sprintf("127.0.0.1:%d is open and must not be", surprise)},
		"a promised port is closed":   {Config{Open: []int{promised, down}, Range: list(quiet)}, verdict.Port, fmt.Sprintf("127.0.0.1:%d is closed and must be open", down)},
		"a promised port is filtered": {Config{Open: []int{promised, quiet}, Range: list(down)}, verdict.Port, fmt.Sprintf("127.0.0.1:%d is silent (filtered) and must be open", quiet)},
		"a filtered port is not open": {Config{Open: []int{promised}, Range: list(quiet)}, verdict.OK, ""},
		"an ignored port may be open": {Config{Open: []int{promised}, Ignore: []int{surprise}, Range: list(surprise)}, verdict.OK, ""},
		"nothing answers, one must":   {Config{Open: []int{quiet}, Range: list(quiet)}, verdict.Timeout, "no port of 127.0.0.1 answers at all"},
		"nothing answers, none must":  {Config{Range: list(quiet)}, verdict.NoData, "may be away as well as shut"},
		"all closed, and it answers":  {Config{Range: list(down)}, verdict.OK, ""},
		"the host does not exist":     {Config{Hosts: []string{tooLong}, Open: []int{443}, Range: "443"}, verdict.DNS, tooLong},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, tc.config)
			if got.Reason != tc.want || !strings.Contains(got.Detail, tc.detail) {
				t.Errorf("%s: %s, want %s: %s", got.Reason, got.Detail, tc.want, tc.detail)
			}
			if got.Verdict != verdict.Pass && got.FailedStep == "" {
				t.Error("no step is blamed")
			}
		})
	}
}

func TestEveryPortIsAsked(t *testing.T) {
	found := listen(t)
	config := Config{Range: "1-2048", Open: []int{found}, Rate: 1 << 20, Concurrency: 64, ConnectTimeout: time.Second}
	ports, err := config.swept()
	if err != nil {
		t.Fatal(err)
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	targets := make([]netip.AddrPort, 0, len(ports))
	for _, port := range ports {
		targets = append(targets, netip.AddrPortFrom(loopback, uint16(port)))
	}
	findings, err := config.sweep(t.Context(), targets)
	if err != nil || len(findings) != len(ports) || len(ports) < 2048 {
		t.Fatalf("%d findings, %v", len(findings), err)
	}
	if !slices.Contains(findings, finding{netip.AddrPortFrom(loopback, uint16(found)), open}) {
		t.Errorf("the open port %d was not found", found)
	}
}

// A sweep that had no time for every port has seen nothing: neither pass nor
// the target's failure.
func TestAnUnfinishedSweepIsUnknown(t *testing.T) {
	config := Config{Open: []int{listen(t)}, Range: "1-2000", Hosts: []string{"127.0.0.1"}, Rate: 20}
	probe, err := New(journey.Config{Target: "test", AttemptTimeout: 300 * time.Millisecond}, "sweep", config)
	if err != nil {
		t.Fatal(err)
	}
	if got := probe.Run(t.Context()); got.Reason != verdict.NoData || !strings.Contains(got.Detail, "of 2001 ports in its time") {
		t.Errorf("out of time: %s: %s", got.Reason, got.Detail)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := probe.Run(ctx); got.Reason != verdict.Stopped {
		t.Errorf("stopped: %s: %s", got.Reason, got.Detail)
	}
}

// Too few sockets of our own must not read as closed ports.
func TestOwnLimitsAreNotClosedPorts(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENETUNREACH, syscall.ENOBUFS} {
		_, err := classify(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", errno)})
		if !errors.Is(err, errOurs) {
			t.Errorf("%v is taken for a state of the port: %v", errno, err)
		}
		var failure interface{ Error() string }
		if failure = unfinished(err, 3, 10); !strings.Contains(failure.Error(), "this machine could not ask") {
			t.Errorf("%v: %v", errno, failure)
		}
	}
}

func TestThePaceIsKept(t *testing.T) {
	const rate, count = 100, 40
	target := netip.MustParseAddrPort(fmt.Sprintf("127.0.0.1:%d", shut(t)))
	targets := make([]netip.AddrPort, count)
	for i := range targets {
		targets[i] = target
	}
	config := Config{Rate: rate, Concurrency: count, ConnectTimeout: time.Second}
	started := time.Now()
	findings, err := config.sweep(t.Context(), targets)
	if err != nil || len(findings) != count {
		t.Fatalf("%d findings, %v", len(findings), err)
	}
	if took := time.Since(started); took < 300*time.Millisecond {
		t.Errorf("%d connections in %s are faster than %d a second", count, took, rate)
	}
}

func TestMistakesInThePlanAreExplained(t *testing.T) {
	for name, tc := range map[string]struct {
		config Config
		key    string
	}{
		"no hosts":             {Config{}, "hosts"},
		"a network":            {Config{Hosts: []string{"10.0.0.0/8"}}, "hosts[0]"},
		"an address with port": {Config{Hosts: []string{"a.example:443"}}, "hosts[0]"},
		"a wildcard":           {Config{Hosts: []string{"*.example"}}, "hosts[0]"},
		"too many hosts":       {Config{Hosts: make([]string, mostHosts+1)}, "hosts"},
		"no port":              {Config{Hosts: []string{"a"}, Open: []int{70000}}, "open"},
		"open and ignored":     {Config{Hosts: []string{"a"}, Open: []int{80}, Ignore: []int{80}}, "ignore"},
		"range backwards":      {Config{Hosts: []string{"a"}, Range: "1024-1"}, "range"},
		"range of words":       {Config{Hosts: []string{"a"}, Range: "most"}, "range"},
		"a flood":              {Config{Hosts: []string{"a"}, Rate: 100000}, "rate"},
	} {
		t.Run(name, func(t *testing.T) {
			found := map[string]bool{}
			tc.config.Check(func(key, _, _ string) { found[key] = true })
			if !found[tc.key] {
				t.Errorf("reported %v, want %s", found, tc.key)
			}
		})
	}
}

func TestTheUsualRange(t *testing.T) {
	ports, err := (&Config{Range: RangeUsual, Open: []int{443, 8443}, Ignore: []int{22}}).swept()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]int{}
	for _, port := range ports {
		seen[port]++
	}
	for port, count := range seen {
		if count != 1 {
			t.Errorf("port %d is asked %d times", port, count)
		}
	}
	if seen[1] == 0 || seen[1024] == 0 || seen[6379] == 0 || seen[22] != 0 || ports[0] != 443 {
		t.Errorf("%d ports, the first %d", len(ports), ports[0])
	}
}

func FuzzRange(f *testing.F) {
	f.Add("1-1024, 8443")
	f.Add("-")
	f.Fuzz(func(t *testing.T, text string) {
		ports, err := parseRange(text)
		if err != nil {
			return
		}
		for i, port := range ports {
			if port < 1 || port > lastPort || text != RangeUsual && i > 0 && ports[i-1] >= port {
				t.Fatalf("%q gives %v", text, ports)
			}
		}
	})
}

func BenchmarkSweep(b *testing.B) {
	targets := make([]netip.AddrPort, 0, 250)
	for port := range 250 {
		targets = append(targets, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port+1)))
	}
	config := Config{Rate: 1 << 30, Concurrency: 64, ConnectTimeout: time.Second}
	for b.Loop() {
		if _, err := config.sweep(b.Context(), targets); err != nil {
			b.Fatal(err)
		}
	}
}
