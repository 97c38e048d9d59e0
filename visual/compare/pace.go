package compare

import (
	"sync"

	"tocsin/visual/pixels"
)

// heldBands is how many bands of a picture are in memory while it is read: the
// one before the oldest that is judged, whose last rows are its neighbours, the
// one after it, and some for whoever is ahead.
const heldBands = 6

// pace keeps two decoders and the judges of their bands apart: no band is
// overwritten before it and its neighbours are judged, and none is judged before
// it and its neighbours are decoded.
type pace struct {
	mu      sync.Mutex
	changed sync.Cond
	bands   int
	decoded [2]int
	judged  []bool
	oldest  int // the first band that is not judged
	failed  bool
}

func newPace(bands int) *pace {
	p := &pace{bands: bands, judged: make([]bool, bands)}
	p.changed.L = &p.mu
	return p
}

// decode reads a picture into its plane, band by band.
func (p *pace) decode(which int, r *pixels.Reader, into *plane, name string) error {
	var above []byte
	for band := range p.bands {
		if !p.room(band) {
			return nil
		}
		for y := band * bandRows; y < min((band+1)*bandRows, r.Size().Y); y++ {
			row := into.pix[y%into.held*into.stride:][:into.stride]
			if err := r.Row(row, above); err != nil {
				p.fail()
				return unreadable(name, err)
			}
			above = row
		}
		p.step(func() { p.decoded[which]++ })
	}
	if err := r.Finish(); err != nil {
		return unreadable(name, err)
	}
	return nil
}

// judge calls judge for every band whose turn it is.
func (p *pace) judge(worker, workers int, judge func(band int)) {
	for band := worker; band < p.bands; band += workers {
		if !p.ready(band) {
			return
		}
		judge(band)
		p.step(func() {
			for p.judged[band] = true; p.oldest < p.bands && p.judged[p.oldest]; {
				p.oldest++
			}
		})
	}
}

// room waits until a band may be written; it is false when somebody failed.
func (p *pace) room(band int) bool {
	return p.wait(func() bool { return band <= p.oldest+heldBands-2 })
}

// ready waits until a band may be judged; it is false when somebody failed.
func (p *pace) ready(band int) bool {
	need := min(band+2, p.bands)
	return p.wait(func() bool { return p.decoded[0] >= need && p.decoded[1] >= need })
}

func (p *pace) wait(until func() bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.failed && !until() {
		p.changed.Wait()
	}
	return !p.failed
}

func (p *pace) step(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.changed.Broadcast()
}

func (p *pace) fail() { p.step(func() { p.failed = true }) }
