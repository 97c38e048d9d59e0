// Package checkpoint owns what a checkpoint and the central Tocsin say to each
// other: batches of results one way, acknowledgements the other. How results
// are kept until then is decided by checkpoint/buffer, when they are sent by
// checkpoint/sender, what becomes of them by checkpoint/receiver, and who may
// speak by checkpoint/keys.
//
// A batch is one POST over HTTP/2 and mutual TLS 1.3: JSON, compressed with
// gzip. Its items are numbered by the log they stand in, which is one file of
// the checkpoint's buffer; every start of a checkpoint begins a new log. A
// batch is sent until it is acknowledged, and the receiver records of it what
// it has not recorded before: delivery at least once, recording exactly once.
package checkpoint
