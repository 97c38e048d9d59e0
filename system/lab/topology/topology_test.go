package topology

import "testing"

func TestEveryPodHasAnAddressOfItsOwnInItsZone(t *testing.T) {
	seen := map[string]Pod{}
	for _, pod := range Pods() {
		addr := pod.Addr()
		if other, taken := seen[addr.String()]; taken {
			t.Errorf("%s and %s are both at %s", pod, other, addr)
		}
		seen[addr.String()] = pod
		if !Prefix(pod.Zone).Contains(addr) || !Region().Contains(addr) || addr == Router(pod.Zone) {
			t.Errorf("%s is at %s, outside %s", pod, addr, Prefix(pod.Zone))
		}
	}
	if len(seen) != 3*len(InZone())+len(OutsideZones()) {
		t.Errorf("%d pods", len(seen))
	}
}

func TestEveryComponentIsInEveryZone(t *testing.T) {
	for _, component := range InZone() {
		pods, err := Select("", component)
		if err != nil {
			t.Fatal(err)
		}
		if len(pods) != len(Zones()) {
			t.Errorf("%s has %d copies in %d zones", component, len(pods), len(Zones()))
		}
	}
}
