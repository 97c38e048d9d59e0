package pixels

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Lengths of the fixed parts of a chunk, section 5.3.
const (
	chunkHead = 8
	chunkTail = 4
	// largestChunk that is not skipped over but read whole.
	largestChunk = 1 << 10
)

// chunks reads a file chunk by chunk, and the payload of one kind as a stream.
type chunks struct {
	file  *bufio.Reader
	kind  string
	left  int // bytes of payload that are not read yet
	sum   uint32
	begun bool
}

// next goes to the next chunk; what is left of the one before is skipped.
func (c *chunks) next() error {
	if err := c.skip(); err != nil {
		return err
	}
	var head [chunkHead]byte
	if _, err := io.ReadFull(c.file, head[:]); err != nil {
		return truncated(err)
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > 1<<31-1 {
		return corrupt("chunk %q claims %d bytes", head[4:], size)
	}
	c.kind, c.left, c.begun = string(head[4:]), int(size), true
	c.sum = crc32.ChecksumIEEE(head[4:])
	return nil
}

// Read reads payload of the chunk.
func (c *chunks) read(p []byte) (int, error) {
	n, err := c.file.Read(p[:min(len(p), c.left)])
	c.sum = crc32.Update(c.sum, crc32.IEEETable, p[:n])
	c.left -= n
	return n, truncated(err)
}

// skip ends the chunk: the rest of its payload, and its checksum.
func (c *chunks) skip() error {
	if !c.begun {
		return nil
	}
	var pass [512]byte
	for c.left > 0 {
		if _, err := c.read(pass[:]); err != nil {
			return err
		}
	}
	var tail [chunkTail]byte
	if _, err := io.ReadFull(c.file, tail[:]); err != nil {
		return truncated(err)
	}
	c.begun = false
	if binary.BigEndian.Uint32(tail[:]) != c.sum {
		return corrupt("checksum of chunk %q", c.kind)
	}
	return nil
}

// payload reads a small chunk whole.
func (c *chunks) payload() ([]byte, error) {
	if c.left > largestChunk {
		return nil, corrupt("chunk %q of %d bytes", c.kind, c.left)
	}
	whole := make([]byte, c.left)
	for read := 0; read < len(whole); {
		n, err := c.read(whole[read:])
		if err != nil {
			return nil, err
		}
		read += n
	}
	return whole, nil
}

// Read makes the payloads of consecutive IDAT chunks one stream.
func (c *chunks) Read(p []byte) (int, error) {
	for c.left == 0 {
		if c.kind != kindData {
			return 0, io.EOF
		}
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	if c.kind != kindData {
		return 0, io.EOF
	}
	return c.read(p)
}

// truncated makes the end of the file in the middle of it an error of its own.
func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the file ends early", ErrCorrupt)
	}
	return err
}

func corrupt(format string, arguments ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, arguments...))
}
