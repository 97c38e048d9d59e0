package sender

import (
	"time"

	"tocsin/probes/checkpoint"
)

// samples is how many exchanges the offset is taken from.
const samples = 8

// offset measures how far the own clock is ahead of the central's.
type offset struct {
	last []sample
}

type sample struct {
	ahead, delay time.Duration
}

// add works out one sample as NTP does (RFC 5905, section 8), with the sign the
// other way round: the time of the exchange that the central did not spend is
// taken to be the same in both directions.
func (o *offset) add(sent, got time.Time, ack checkpoint.Ack) {
	// The monotonic readings of sent and got must not be used against the wall
	// clock of the central.
	sent, got = sent.Round(0), got.Round(0)
	o.last = append(o.last, sample{
		ahead: (sent.Sub(ack.Received) + got.Sub(ack.Replied)) / 2,
		delay: got.Sub(sent) - ack.Replied.Sub(ack.Received),
	})
	if len(o.last) > samples {
		o.last = o.last[1:]
	}
}

// best is the sample with the shortest way, in milliseconds: the difference
// between the directions is at most that long.
func (o *offset) best() *float64 {
	if len(o.last) == 0 {
		return nil
	}
	shortest := o.last[0]
	for _, one := range o.last[1:] {
		if one.delay < shortest.delay {
			shortest = one
		}
	}
	ms := float64(shortest.ahead.Microseconds()) / 1000
	return &ms
}
