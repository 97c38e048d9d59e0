package dnssec

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func records[R dns.RR](t *testing.T, texts ...string) (parsed []R) {
	t.Helper()
	for _, text := range texts {
		record, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, record.(R))
	}
	return parsed
}

// Proofs that are rightly signed and yet prove nothing: what an attacker would
// replay from elsewhere in the zone.
func TestProofsThatProveNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		nsec []string
		name string
		kind uint16 // 0 asks whether the name exists at all
		want string // empty where the proof holds
	}{
		"gap around the name and the wildcard": {[]string{"a.z. NSEC c.z. A", "z. NSEC a.z. SOA"}, "b.z.", 0, ""},
		"gap around the name only":             {[]string{"a.z. NSEC c.z. A"}, "b.z.", 0, "no wildcard"},
		"gap elsewhere":                        {[]string{"c.z. NSEC e.z. A", "z. NSEC a.z. SOA"}, "b.z.", 0, "does not exist"},
		"last gap of the zone":                 {[]string{"m.z. NSEC z. A", "z. NSEC a.z. SOA"}, "x.z.", 0, ""},
		"gap from above a delegation":          {[]string{"a.z. NSEC c.z. NS", "z. NSEC a.z. SOA"}, "b.a.z.", 0, "does not exist"},
		"gap from above a DNAME":               {[]string{"a.z. NSEC c.z. DNAME", "z. NSEC a.z. SOA"}, "b.a.z.", 0, "does not exist"},
		"name without the type":                {[]string{"b.z. NSEC c.z. A"}, "b.z.", dns.TypeAAAA, ""},
		"name with the type":                   {[]string{"b.z. NSEC c.z. A AAAA"}, "b.z.", dns.TypeAAAA, "itself says that b.z. has AAAA"},
		"name that is an alias":                {[]string{"b.z. NSEC c.z. CNAME"}, "b.z.", dns.TypeAAAA, "is an alias"},
		"types of a delegation from above":     {[]string{"b.z. NSEC c.z. NS"}, "b.z.", dns.TypeA, "above its delegation"},
		"DS denied by the zone below":          {[]string{"b.z. NSEC c.z. NS SOA"}, "b.z.", dns.TypeDS, "not from the zone above"},
		"DS denied by the zone above":          {[]string{"b.z. NSEC c.z. NS"}, "b.z.", dns.TypeDS, ""},
		"only names below it":                  {[]string{"a.z. NSEC x.b.z. A"}, "b.z.", dns.TypeA, ""},
		"wildcard without the type":            {[]string{"a.z. NSEC c.z. A", "*.z. NSEC a.z. A"}, "b.z.", dns.TypeAAAA, ""},
		"wildcard with the type":               {[]string{"a.z. NSEC c.z. A", "*.z. NSEC a.z. A"}, "b.z.", dns.TypeA, "itself says"},
		"capitals are letters":                 {[]string{"A.Z. NSEC C.z. A", "z. NSEC a.z. SOA"}, "b.z.", 0, ""},
		"octets, not text, are ordered":        {[]string{`a.z. NSEC \200.z. A`, "z. NSEC a.z. SOA"}, "zz.z.", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			proof := denial{zone: "z.", nsec: records[*dns.NSEC](t, tc.nsec...)}
			var err error
			if tc.kind == 0 {
				err = proof.nameError(tc.name)
			} else {
				_, err = proof.noData(tc.name, tc.kind)
			}
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

// hashed makes the NSEC3 records of a zone z. out of the names in it.
func hashed(t *testing.T, flags string, owner, types string, gapOf string) *dns.NSEC3 {
	t.Helper()
	hash := dns.HashName(owner, dns.SHA1, 0, "")
	_, next := around(hash)
	if gapOf != "" {
		// The gap reaches just past the hash of the name.
		hash, next = around(dns.HashName(gapOf, dns.SHA1, 0, ""))
	}
	return records[*dns.NSEC3](t, hash+".z. NSEC3 1 "+flags+" 0 - "+next+" "+types)[0]
}

// around are hashes just before and after one.
func around(hash string) (before, after string) {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
	// A digit in the middle, so that the gap holds no other name of the test,
	// and neither the first nor the last, so that nothing is carried.
	place := 8 + strings.IndexFunc(hash[8:], func(r rune) bool { return r != '0' && r != 'V' })
	at := strings.IndexByte(digits, hash[place])
	step := func(by int) string { return hash[:place] + string(digits[at+by]) + hash[place+1:] }
	return step(-1), step(1)
}

func TestHashedProofs(t *testing.T) {
	apex := hashed(t, "0", "z.", "SOA NS", "")
	for name, tc := range map[string]struct {
		records []*dns.NSEC3
		name    string
		kind    uint16
		want    string
		optOut  bool
	}{
		"opt-out hides a delegation":      {[]*dns.NSEC3{apex, hashed(t, "1", "", "", "b.z.")}, "b.z.", dns.TypeDS, "", true},
		"without opt-out nothing is hid":  {[]*dns.NSEC3{apex, hashed(t, "0", "", "", "b.z.")}, "b.z.", dns.TypeDS, "nothing proves", false},
		"no closest encloser":             {[]*dns.NSEC3{hashed(t, "1", "", "", "b.z.")}, "b.z.", dns.TypeDS, "nothing proves", false},
		"name and wildcard are in gaps":   {[]*dns.NSEC3{apex, hashed(t, "0", "", "", "b.z."), hashed(t, "0", "", "", "*.z.")}, "b.z.", 0, "", false},
		"the wildcard is in no gap":       {[]*dns.NSEC3{apex, hashed(t, "0", "", "", "b.z.")}, "b.z.", 0, "no wildcard", false},
		"encloser is a delegation":        {[]*dns.NSEC3{apex, hashed(t, "0", "b.z.", "NS", ""), hashed(t, "0", "", "", "a.b.z.")}, "a.b.z.", 0, "above the delegation", false},
		"the name itself is no gap":       {[]*dns.NSEC3{apex, hashed(t, "0", "b.z.", "A", ""), hashed(t, "0", "", "", "*.z.")}, "b.z.", 0, "does not exist", false},
		"the name has the type after all": {[]*dns.NSEC3{hashed(t, "0", "b.z.", "A", "")}, "b.z.", dns.TypeA, "itself says", false},
	} {
		t.Run(name, func(t *testing.T) {
			proof := denial{zone: "z.", nsec3: tc.records}
			var err error
			var found absence
			if tc.kind == 0 {
				err = proof.nameError(tc.name)
			} else {
				found, err = proof.noData(tc.name, tc.kind)
			}
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) || found.optOut != tc.optOut {
				t.Errorf("%v (opt-out %v), want %q", err, found.optOut, tc.want)
			}
		})
	}
}
