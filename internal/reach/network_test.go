package reach

import "testing"

func TestRoutesThatLeave(t *testing.T) {
	const header = "Iface\tDestination\tGateway\n"
	for name, c := range map[string]struct {
		table  string
		column int
		header bool
		want   bool
	}{
		"a default route":    {header + "eth0\t00000000\t0100000A\n", 0, true, true},
		"no route":           {header, 0, true, false},
		"loopback alone":     {header + "lo\t0000007F\t00000000\n", 0, true, false},
		"IPv6":               {"0 40 0 0 0 400 2 0 1 eth0\n", 9, false, true},
		"IPv6 over loopback": {"0 40 0 0 0 400 2 0 1 lo\n", 9, false, false},
	} {
		if got, err := anyRouteLeaves([]byte(c.table), c.column, c.header); got != c.want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
