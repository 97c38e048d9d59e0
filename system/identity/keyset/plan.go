package keyset

import (
	"slices"
	"time"
)

// holdings are the keys that nodes say they have; a node that did not answer is
// not in it.
type holdings map[string]map[string]bool

// held reports whether every node that answered has the key, and any did.
func (h holdings) held(kid string) bool {
	for _, keys := range h {
		if !keys[kid] {
			return false
		}
	}
	return len(h) > 0
}

// any reports whether a node that answered has the key.
func (h holdings) any(kid string) bool {
	for _, keys := range h {
		if keys[kid] {
			return true
		}
	}
	return false
}

// usable reports whether a key may sign: all nodes that answer have it. One
// that cannot take the key, being new, must not stop the turning over for ever:
// after as long again as the key had to be published, one node is enough. For
// an urgent key one is enough from the beginning.
func (h holdings) usable(e *entry, config *Config, now time.Time) bool {
	age := now.Sub(e.Made)
	if e.Urgent {
		return age >= config.soon() && h.any(e.kid())
	}
	return age >= config.ahead() && (h.held(e.kid()) || age >= 2*config.ahead() && h.any(e.kid()))
}

// uses returns the uses that have any key.
func (d *document) uses() map[Use]bool {
	uses := map[Use]bool{}
	for i := range d.Keys {
		uses[d.Keys[i].use()] = true
	}
	return uses
}

// missing returns the slots that need a new key: they have none, or their
// current one has been that for its period, and no next is on its way.
func (d *document) missing(config *Config, now time.Time) []slot {
	var missing []slot
	for _, s := range slots() {
		next, current := d.of(s)
		if next == nil && (current == nil || now.Sub(current.Current) >= config.period(s.use)) {
			missing = append(missing, s)
		}
	}
	return missing
}

// advance does what is due and needs no new key. It returns the keys that are
// gone from the ring, and whether anything changed. Of the keys that are lost it
// takes those out that were to be current next, so that others can be made.
func (d *document) advance(config *Config, nodes int, held holdings, lost map[string]bool, now time.Time) (gone []string, changed bool) {
	for _, s := range slots() {
		next, current := d.of(s)
		if next == nil || !held.usable(next, config, now) {
			continue
		}
		next.Current, next.Urgent, changed = now, false, true
		if current != nil {
			current.Retired = now
		}
	}
	for i := range d.Keys {
		bundle := d.Keys[i].Bundle
		// Not before all nodes that it is sealed for and its maker have it.
		if bundle.Travels() && len(held) == nodes && nodes > len(bundle.Copies) && held.held(bundle.Public.KeyID) {
			bundle.Drop()
			changed = true
		}
	}
	named := d.rootsInUse()
	d.Keys = slices.DeleteFunc(d.Keys, func(e entry) bool {
		// A process that last saw the ring a moment before may have signed
		// until the end of its grace.
		if e.isNext() && lost[e.kid()] {
			gone = append(gone, e.kid())
			return true
		}
		over := !e.Retired.IsZero() && now.Sub(e.Retired) >= config.Grace+config.life(e.use())
		if over && e.use() == root && named[string(e.Chain[0])] {
			return false // while turning over was held up: without it, what it certified is not believed
		}
		if over {
			gone = append(gone, e.kid())
		}
		return over
	})
	return gone, changed || len(gone) > 0
}
