// Package inflate owns the decompression of pictures: DEFLATE data (RFC 1951)
// in, slices of its own window out. It never checks what the bytes mean.
//
// The standard library's reader hands out one byte at a time and copies twice;
// for two screenshots that is most of the time of a comparison. This one takes
// 64 bits at a time, and its caller reads in place.
package inflate
