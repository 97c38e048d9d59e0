package pki

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"
)

func leaf(t *testing.T, authority *Authority) *tls.Config {
	t.Helper()
	issued, err := authority.Issue("etcd", "etcd", []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	config, err := authority.Config(issued)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func authority(t *testing.T) *Authority {
	t.Helper()
	made, err := NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestOnlyCertificatesOfTheAuthorityCanSpeak(t *testing.T) {
	ours, foreign := authority(t), authority(t)
	server := leaf(t, ours)
	anonymous := server.Clone()
	anonymous.Certificates = nil
	stranger := leaf(t, foreign)
	stranger.RootCAs = ours.Pool()
	cases := map[string]struct {
		client *tls.Config
		speaks bool
	}{
		"a certificate of the lab":     {leaf(t, ours), true},
		"no certificate":               {anonymous, false},
		"a certificate of another lab": {stranger, false},
		"a client of another lab":      {leaf(t, foreign), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := exchange(t, server, tc.client); (err == nil) != tc.speaks {
				t.Fatalf("got %v, want success %v", err, tc.speaks)
			}
		})
	}
}

// exchange sends one byte from server to client.
func exchange(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if connection, err := listener.Accept(); err == nil {
			defer connection.Close()
			_, _ = connection.Write([]byte{1})
		}
	}()
	connection, err := tls.Dial("tcp", listener.Addr().String(), client)
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = io.ReadFull(connection, make([]byte, 1))
	return err
}
