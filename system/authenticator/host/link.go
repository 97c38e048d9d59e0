package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"tocsin/system/authenticator/rpc"
)

// links are the connections to one process of the plug-in, kept open between
// calls. net/http's client would need three goroutines to take turns for each
// call, and twice the processor time; here the caller's writes and reads itself.
type links struct {
	socket string
	// slots bounds the calls at one time.
	slots chan struct{}

	mu     sync.Mutex
	closed bool
	idle   []*link
}

// link is one connection.
type link struct {
	net.Conn
	bound  io.LimitedReader
	reader *bufio.Reader
	// used says that an answer has come over it before.
	used bool
}

// maxHead bounds status line and headers of an answer, and again what chunks
// add to its body, in bytes.
const maxHead = 16 << 10

// brokenError means that the connection failed under a call.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return "connection to plug-in: " + e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

func newLinks(socket string, most int) *links {
	return &links{socket: socket, slots: make(chan struct{}, most)}
}

// do sends one request and returns the answer. It fails with *brokenError when
// none came; the plug-in may have seen the request then.
func (l *links) do(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return 0, nil, fmt.Errorf("wait for other calls: %w", ctx.Err())
	}
	request := render(method, path, body)
	for {
		connection, err := l.take(ctx)
		if err != nil {
			return 0, nil, &brokenError{err}
		}
		status, answer, keep, err := connection.exchange(ctx, method, request)
		if err == nil && keep {
			l.give(connection)
			return status, answer, nil
		}
		stale := connection.used && connection.untouched() && ctx.Err() == nil
		// What it says of closing is of no interest: the answer is here, or lost.
		_ = connection.Close()
		if err == nil {
			return status, answer, nil
		}
		if !stale {
			return 0, nil, &brokenError{deadlineOf(ctx, err)}
		}
		// The plug-in closed it while it was idle: another one will do.
	}
}

// deadlineOf says that a context's deadline passed in the context's words.
func deadlineOf(ctx context.Context, err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errors.Join(context.DeadlineExceeded, err)
	}
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	return err
}

func render(method, path string, body []byte) []byte {
	request := make([]byte, 0, 128+len(body))
	request = append(request, method...)
	request = append(request, ' ')
	request = append(request, path...)
	request = append(request, " HTTP/1.1\r\nHost: plugin\r\n"...)
	if body != nil {
		request = append(request, "Content-Type: application/json\r\nContent-Length: "...)
		request = strconv.AppendInt(request, int64(len(body)), 10)
		request = append(request, '\r', '\n')
	}
	request = append(request, '\r', '\n')
	return append(request, body...)
}

// exchange writes request and reads the answer; keep says whether the
// connection is good for another.
func (l *link) exchange(ctx context.Context, method string, request []byte) (status int, answer []byte, keep bool, err error) {
	deadline, _ := ctx.Deadline() // every call has one
	if err := l.SetDeadline(deadline); err != nil {
		return 0, nil, false, err
	}
	l.bound.N = maxHead
	if _, err := l.Write(request); err != nil {
		return 0, nil, false, err
	}
	response, err := http.ReadResponse(l.reader, &http.Request{Method: method})
	if err != nil {
		return 0, nil, false, err
	}
	l.bound.N += rpc.MaxAnswer + maxHead
	answer, err = read(response.Body, response.ContentLength)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return 0, nil, false, err
	}
	whole := len(answer) <= rpc.MaxAnswer
	return response.StatusCode, answer, whole && !response.Close && l.reader.Buffered() == 0, nil
}

// read returns a body of the given size, -1 for not known, or as much of it as
// shows that it is too large.
func read(body io.Reader, size int64) ([]byte, error) {
	if size < 0 || size > rpc.MaxAnswer {
		return io.ReadAll(io.LimitReader(body, rpc.MaxAnswer+1))
	}
	answer := make([]byte, size)
	_, err := io.ReadFull(body, answer)
	return answer, err
}

// untouched reports whether not a byte of an answer has come.
func (l *link) untouched() bool { return l.bound.N == maxHead }

func (l *links) take(ctx context.Context) (*link, error) {
	l.mu.Lock()
	if last := len(l.idle) - 1; last >= 0 {
		kept := l.idle[last]
		l.idle = l.idle[:last]
		l.mu.Unlock()
		return kept, nil
	}
	l.mu.Unlock()
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "unix", l.socket)
	if err != nil {
		return nil, err
	}
	made := &link{Conn: connection, bound: io.LimitedReader{R: connection}}
	made.reader = bufio.NewReaderSize(&made.bound, 4<<10)
	return made, nil
}

func (l *links) give(connection *link) {
	connection.used = true
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = connection.Close() // the process is gone: there is nothing to lose
		return
	}
	l.idle = append(l.idle, connection)
}

// close closes what is idle, now and later.
func (l *links) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, connection := range l.idle {
		_ = connection.Close() // the process is gone: there is nothing to lose
	}
	l.idle = nil
}

// endsWithin reports whether the process has ended or is just ending: its
// connections break a moment before its parent hears of it.
func (i *instance) endsWithin(moment time.Duration) bool {
	timer := time.NewTimer(moment)
	defer timer.Stop()
	select {
	case <-i.exited:
		return true
	case <-timer.C:
		return false
	}
}
