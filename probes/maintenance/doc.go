// Package maintenance owns when work on a system is announced: windows that
// happen once or again and again, in the time zone of the people who do the
// work. It decides nothing about probes: they run through a window as always,
// their results carry its name, and the arithmetic of uptime leaves them out.
// It reads no clock and no file.
//
// Times without an offset are wall clock. Around the changes of daylight-saving
// time they follow RFC 5545, section 3.3.5: a time that does not exist is read
// with the offset from before the gap, so 02:30 in the skipped hour is 03:30;
// a time that happens twice is the first of the two.
package maintenance
