// Package evidence owns what a run that went wrong leaves behind: its steps and
// exchanges, certificates, pictures, the last good run beside it, and how to
// repeat it. Nothing is written before everything secret is taken out. It
// keeps a bounded amount for a bounded time, and never decides a verdict.
package evidence
