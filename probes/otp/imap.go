package otp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"tocsin/internal/target"
)

// imapServer is a mailbox that is read through IMAP. Nothing in it is changed:
// the folder is opened read-only, and mails are not marked as seen.
type imapServer struct {
	cfg  target.IMAP
	find finder
}

// imapTimeout bounds connecting and each answer.
const imapTimeout = 10 * time.Second

// imapPause is between two looks: a server has other things to do.
const imapPause = 400 * time.Millisecond

func (s imapServer) open(ctx context.Context) (inbox, error) {
	client, err := s.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to mail server %s: %w", s.cfg.Address, err)
	}
	session := &imapSession{client: client, find: s.find, folder: s.cfg.Folder}
	if err := s.enter(ctx, session); err != nil {
		return nil, errors.Join(err, session.close())
	}
	return session, nil
}

func (s imapServer) enter(ctx context.Context, session *imapSession) error {
	password, err := target.ReadSecret(s.cfg.PasswordFile)
	if err != nil {
		return fmt.Errorf("password of mailbox: %w", err)
	}
	// A command that waits for an answer is ended by closing the connection.
	defer context.AfterFunc(ctx, func() { _ = session.client.Close() })()
	if err := session.client.Login(s.cfg.Username, password).Wait(); err != nil {
		return fmt.Errorf("log in to mailbox: %w", err)
	}
	selected, err := session.client.Select(s.cfg.Folder, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		return fmt.Errorf("open folder %s: %w", s.cfg.Folder, err)
	}
	if selected.UIDNext == 0 {
		return fmt.Errorf("open folder %s: the server does not say UIDNEXT", s.cfg.Folder)
	}
	session.next = selected.UIDNext
	return nil
}

func (s imapServer) connect(ctx context.Context) (*imapclient.Client, error) {
	bounded, cancel := context.WithTimeout(ctx, imapTimeout)
	defer cancel()
	connection, err := (&net.Dialer{}).DialContext(bounded, "tcp", s.cfg.Address)
	if err != nil {
		return nil, err //nolint:wrapcheck // open says what was being done
	}
	if err := connection.SetDeadline(time.Now().Add(imapTimeout)); err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	if s.cfg.Security == target.SecurityNone {
		return imapclient.New(connection, nil), nil
	}
	config, err := s.tls()
	if err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	if s.cfg.Security == target.SecurityStartTLS {
		client, err := imapclient.NewStartTLS(connection, &imapclient.Options{TLSConfig: config})
		if err != nil {
			return nil, errors.Join(err, connection.Close())
		}
		return client, nil
	}
	secured := tls.Client(connection, config)
	if err := secured.HandshakeContext(bounded); err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	return imapclient.New(secured, nil), nil
}

func (s imapServer) tls() (*tls.Config, error) {
	host, _, err := net.SplitHostPort(s.cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("address of mail server: %w", err)
	}
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if s.cfg.CAFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(s.cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("authority of mail server: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("authority of mail server: %s holds no PEM certificate", s.cfg.CAFile)
	}
	return config, nil
}

// imapSession is a folder that is being looked into.
type imapSession struct {
	tally
	client *imapclient.Client
	find   finder
	folder string
	next   imap.UID
	looked time.Time
}

// close ends the session. That the connection is gone already is no error of
// the login.
func (s *imapSession) close() error {
	if err := s.client.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close mailbox: %w", err)
	}
	return nil
}

func (s *imapSession) look(ctx context.Context) (string, error) {
	if time.Since(s.looked) < imapPause {
		return "", nil
	}
	s.looked = time.Now()
	defer context.AfterFunc(ctx, func() { _ = s.client.Close() })()
	// A server tells of new mail between commands, and some only then look.
	if err := s.client.Noop().Wait(); err != nil {
		return "", fmt.Errorf("ask for new mail: %w", err)
	}
	whole := &imap.FetchItemBodySection{Peek: true, Partial: &imap.SectionPartial{Size: maxMessage}}
	fetched, err := s.client.Fetch(imap.UIDSet{{Start: s.next, Stop: 0}}, &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{whole}}).Collect()
	if err != nil {
		return "", fmt.Errorf("fetch new mail: %w", err)
	}
	newest := ""
	for _, mail := range fetched {
		// The range n:* holds the last mail even if its number is below n.
		if mail.UID < s.next || len(mail.BodySection) == 0 {
			continue
		}
		newest = s.judge(s.find, mail.BodySection[0].Bytes, newest)
		s.next = mail.UID + 1
	}
	return newest, nil
}
