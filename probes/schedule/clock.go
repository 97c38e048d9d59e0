package schedule

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// shortestSleep is the least sleep of the machine that is taken for one. The
// kernel does not tell two clocks at the same instant, so what is shorter may be
// a pause between the two answers.
const shortestSleep = 100 * time.Millisecond

// clock counts the time since it was made. Steps of the wall clock do not move
// it. Sleep of the machine does, unlike the monotonic clock of Linux: starts
// that were due meanwhile were missed.
type clock struct {
	made time.Time
	// asleep is how long the machine has been asleep since it was booted.
	asleep func() time.Duration
	before time.Duration
	// slept is how long of the time since the clock was made, in nanoseconds, as
	// far as is known.
	slept atomic.Int64
}

func newClock(asleep func() time.Duration) *clock {
	return &clock{made: time.Now(), asleep: asleep, before: asleep()}
}

// read returns the time since the clock was made.
func (c *clock) read() time.Duration { return time.Since(c.made) + time.Duration(c.slept.Load()) }

// look asks whether the machine has slept, and returns the time since the clock
// was made and how much of it the machine slept.
func (c *clock) look() (elapsed, slept time.Duration) {
	known := c.slept.Load()
	if now := int64(c.asleep() - c.before); now-known >= int64(shortestSleep) && c.slept.CompareAndSwap(known, now) {
		known = now
	}
	return time.Since(c.made) + time.Duration(known), time.Duration(known)
}

// timeAsleep is how long the machine has been suspended since it was booted.
// CLOCK_BOOTTIME counts that time and CLOCK_MONOTONIC does not
// (clock_gettime(2)). Where the kernel cannot tell, it is 0. A pause between the
// answers makes it too little, never too much.
func timeAsleep() time.Duration {
	best := time.Duration(0)
	for range 3 {
		var boot, mono unix.Timespec
		if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil || unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil {
			return 0
		}
		best = max(best, time.Duration(boot.Nano()-mono.Nano()))
	}
	return best
}
