// Package pixels owns reading PNG files (W3C Portable Network Graphics, third
// edition) row by row, as packed pixels with straight alpha. Its memory is a few
// rows, however long the page is, and what a file claims is held against a limit
// before anything is decoded. It never judges what a picture shows.
//
// Screenshots, which are not interlaced and have eight bits a channel, take the
// quick path; all other kinds are decoded by the standard library.
//
// Checksums of chunks are verified, the Adler-32 inside of the compressed data is
// not: it covers the same bytes once more, and browsers ignore it, too.
package pixels
