package httpcheck_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"tocsin/probes/dial/dialtest"
)

// raw serves each connection with a function, after it has read the request.
func raw(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	return "http://" + dialtest.Serve(t, func(connection net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(connection)); err == nil {
			serve(connection)
		}
	})
}

// text answers with what is written as it is.
func text(answer string) func(net.Conn) {
	return func(connection net.Conn) { io.WriteString(connection, answer) }
}

// secured serves HTTP over TLS with a certificate made by change, and returns
// its address and the file of its authority.
func secured(t *testing.T, handler http.Handler, protocols []string, change func(*x509.Certificate)) (address, authority string) {
	t.Helper()
	certificate := dialtest.Issue(t, change)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate.Pair}, NextProtos: protocols},
	}
	t.Cleanup(func() { server.Close() })
	go func() { _ = server.ServeTLS(listener, "", "") }()
	return "https://" + listener.Addr().String(), certificate.CertFile
}
