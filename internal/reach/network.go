package reach

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// OnThisMachine reports whether host, with a port or without, can be reached
// without any network.
func OnThisMachine(host string) bool {
	host = withoutPort(host)
	address := net.ParseIP(host)
	return host == "localhost" || address != nil && address.IsLoopback()
}

// errNoRoute is what OwnNetwork says of a machine that is cut off.
var errNoRoute = errors.New("this machine has no network of its own: no interface has a route that leaves it")

// OwnNetwork returns why this machine cannot reach anybody, nil where it has
// at least one route that leaves it. What it cannot read it does not blame.
func OwnNetwork() error {
	for _, table := range []struct {
		file string
		// column counts from 0 and holds the interface; header is true where
		// the first line names the columns.
		column int
		header bool
	}{{"/proc/net/route", 0, true}, {"/proc/net/ipv6_route", 9, false}} {
		text, err := os.ReadFile(table.file)
		if errors.Is(err, os.ErrNotExist) {
			continue // a kernel without this family
		}
		if err != nil {
			return nil
		}
		leaves, err := anyRouteLeaves(text, table.column, table.header)
		if leaves || err != nil {
			return nil
		}
	}
	return errNoRoute
}

// anyRouteLeaves looks for a route over an interface other than loopback.
func anyRouteLeaves(table []byte, column int, header bool) (bool, error) {
	lines := bufio.NewScanner(bytes.NewReader(table))
	if header {
		lines.Scan()
	}
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) > column && fields[column] != "lo" {
			return true, nil
		}
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("read routes: %w", err)
	}
	return false, nil
}
