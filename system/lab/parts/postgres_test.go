package parts

import (
	"encoding/json"
	"slices"
	"testing"
)

// keys is an answer of etcd with Patroni's keys.
func keys(t *testing.T, pairs map[string]string) []byte {
	t.Helper()
	type pair struct {
		Key   []byte `json:"key"`
		Value []byte `json:"value"`
	}
	var all []pair
	for key, value := range pairs {
		all = append(all, pair{[]byte(scope + key), []byte(value)})
	}
	text, err := json.Marshal(map[string]any{"kvs": all, "count": "4"})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestOnlyWhomTheLeaderAppointedMayTakeOver(t *testing.T) {
	cases := map[string]struct {
		keys      map[string]string
		leader    string
		appointed []string
	}{
		"one is appointed": {
			map[string]string{"leader": "postgres-c", "members/postgres-a": "{}", "status": `{"optime":1}`, "sync": `{"leader":"postgres-c","sync_standby":"postgres-b"}`},
			"postgres-c",
			[]string{"postgres-b"},
		},
		"two are appointed":             {map[string]string{"leader": "postgres-c", "sync": `{"leader":"postgres-c","sync_standby":"postgres-a,postgres-b"}`}, "postgres-c", []string{"postgres-a", "postgres-b"}},
		"nobody is, for the moment":     {map[string]string{"leader": "postgres-c", "sync": `{"leader":"postgres-c","sync_standby":null}`}, "postgres-c", nil},
		"the leader before appointed":   {map[string]string{"leader": "postgres-c", "sync": `{"leader":"postgres-a","sync_standby":"postgres-c"}`}, "postgres-c", nil},
		"nobody leads":                  {map[string]string{"sync": `{"leader":"postgres-a","sync_standby":"postgres-c"}`}, "", nil},
		"commits wait for nobody":       {map[string]string{"leader": "postgres-c"}, "postgres-c", nil},
		"Patroni has not been here yet": {nil, "", nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := readAgreement(keys(t, tc.keys))
			if err != nil {
				t.Fatal(err)
			}
			if got.leader != tc.leader || !slices.Equal(got.appointed, tc.appointed) {
				t.Errorf("read %+v", got)
			}
		})
	}
}

func TestAStandbyCountsWhileThePrimaryStreamsToIt(t *testing.T) {
	const answer = `{"state": "running", "role": "master", "server_version": 150018, "replication": [
		{"usename": "replicator", "application_name": "postgres-a", "client_addr": "10.83.1.20", "state": "catchup", "sync_state": "sync", "sync_priority": 1},
		{"usename": "replicator", "application_name": "postgres-b", "client_addr": "10.83.2.20", "state": "streaming", "sync_state": "async", "sync_priority": 0},
		{"usename": "replicator", "application_name": "postgres-c", "client_addr": "10.83.3.20", "state": "streaming", "sync_state": "sync", "sync_priority": 1}]}`
	var primary server
	if err := json.Unmarshal([]byte(answer), &primary); err != nil {
		t.Fatal(err)
	}
	for standby, want := range map[string][2]bool{
		"postgres-a": {false, false}, "postgres-b": {true, false}, "postgres-c": {true, true}, "postgres-d": {false, false},
	} {
		if streams, waits := primary.sends(standby); streams != want[0] || waits != want[1] {
			t.Errorf("%s: streams %t, waits %t", standby, streams, waits)
		}
	}
}
