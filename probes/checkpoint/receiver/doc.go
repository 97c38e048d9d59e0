// Package receiver owns what the central makes of what checkpoints report: each
// result is recorded exactly once, in one transaction with the mark of how far
// the checkpoint's log is recorded, and then handed on. It believes a
// checkpoint nothing about another one.
package receiver
