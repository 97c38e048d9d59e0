package host

import (
	"bytes"
	"log/slog"
	"strings"
)

// maxLine bounds what one line of a plug-in may put into the log, in bytes.
const maxLine = 2 << 10

// lineLogger logs what the plug-in prints, line by line. One goroutine of
// os/exec writes.
type lineLogger struct {
	log     *slog.Logger
	pending []byte
}

// Write implements io.Writer.
func (l *lineLogger) Write(text []byte) (int, error) {
	written := len(text)
	for {
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			l.keep(text)
			return written, nil
		}
		l.keep(text[:end])
		l.log.Info("plug-in says", "line", strings.ToValidUTF8(string(l.pending), "?"))
		l.pending = l.pending[:0]
		text = text[end+1:]
	}
}

func (l *lineLogger) keep(text []byte) {
	room := maxLine - len(l.pending)
	l.pending = append(l.pending, text[:min(room, len(text))]...)
}
