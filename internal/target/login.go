package target

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// Login says how the login pages are driven.
type Login struct {
	Driver string `yaml:"driver"`
	// Method is how the person proves who it is, where there is a choice.
	Method string `yaml:"method"`
	// URL is where eSignet's REST interface is, for the driver esignet.
	URL string `yaml:"url"`
	// Fields are names of inputs, for the driver form, or CSS selectors, for
	// the driver browser. Empty ones are found.
	Fields LoginFields `yaml:"fields"`
	OTP    OTP         `yaml:"otp"`
}

// The drivers.
const (
	// DriverForm drives any HTML login without JavaScript.
	DriverForm = "form"
	// DriverESignet speaks the REST interface that eSignet's own pages use.
	DriverESignet = "esignet"
	// DriverBrowser drives any login in a Chromium.
	DriverBrowser = "browser"
)

// The methods of a login.
const (
	MethodPIN = "pin"
	MethodOTP = "otp"
)

// LoginFields are the form's inputs; an empty one is found by what the page says
// of it.
type LoginFields struct {
	IndividualID string `yaml:"individual_id"`
	Secret       string `yaml:"secret"`
	Code         string `yaml:"code"`
	// Submit is the button that sends the login form, for the driver browser.
	Submit string `yaml:"submit"`
}

// OTP says how one-time codes come to the synthetic person. Without a kind,
// none do.
type OTP struct {
	Kind string `yaml:"kind"`
	// SecretFile holds the shared secret of kind totp in base32; the rest is
	// what most authenticators use: six digits, 30 s, SHA1.
	SecretFile string        `yaml:"secret_file"`
	Digits     int           `yaml:"digits"`
	Period     time.Duration `yaml:"period"`
	Algorithm  string        `yaml:"algorithm"`
	// Paths are the files that messages are appended to, for kind file; one
	// Maildir folder or mbox file, for kind mailbox.
	Paths []string `yaml:"paths"`
	IMAP  IMAP     `yaml:"imap"`
	// Webhook is where a gateway for messages posts to, for kind webhook.
	Webhook Webhook `yaml:"webhook"`
	// From and Subject are texts that a mail's headers must contain, Match one
	// that any message must contain: it tells whose code it is.
	From    string `yaml:"from"`
	Subject string `yaml:"subject"`
	Match   string `yaml:"match"`
	// Pattern is a regular expression; its first group, or all of it, is the
	// code. Default: the first four to eight digits that stand alone.
	Pattern string `yaml:"pattern"`
	// Timeout is how long a message may take. Default 20 s.
	Timeout time.Duration `yaml:"timeout"`
	// Channels are what the driver esignet asks the code to be sent by.
	Channels []string `yaml:"channels"`
}

// The kinds of one-time codes.
const (
	OTPNone    = ""
	OTPTOTP    = "totp"
	OTPFile    = "file"
	OTPMailbox = "mailbox"
	OTPWebhook = "webhook"
)

// IMAP is a mailbox on a server.
type IMAP struct {
	// Address has host and port.
	Address      string `yaml:"address"`
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
	Folder       string `yaml:"folder"`
	// Security is tls (default), starttls, or none on this machine.
	Security string `yaml:"security"`
	CAFile   string `yaml:"ca_file"`
}

// Ways to speak IMAP.
const (
	SecurityTLS      = "tls"
	SecurityStartTLS = "starttls"
	SecurityNone     = "none"
)

// Webhook is a small HTTP server that is there while a login waits for a code.
type Webhook struct {
	Listen    string `yaml:"listen"`
	TokenFile string `yaml:"token_file"`
	// CertFile and KeyFile make it HTTPS, which it must be on other addresses
	// than this machine's own.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

func (l *Login) defaults(hasSecret bool) {
	if l.Driver == "" {
		l.Driver = DriverForm
	}
	if l.Method == "" {
		l.Method = MethodPIN
		if l.OTP.Kind != OTPNone && !hasSecret {
			l.Method = MethodOTP
		}
	}
	l.OTP.defaults()
}

func (o *OTP) defaults() {
	if o.Kind == OTPNone {
		return
	}
	if o.Digits == 0 {
		o.Digits = 6
	}
	if o.Period == 0 {
		o.Period = 30 * time.Second
	}
	if o.Algorithm == "" {
		o.Algorithm = "SHA1"
	}
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	if o.IMAP.Folder == "" {
		o.IMAP.Folder = "INBOX"
	}
	if o.IMAP.Security == "" {
		o.IMAP.Security = SecurityTLS
	}
	if len(o.Channels) == 0 {
		o.Channels = []string{"email", "phone"}
	}
}

// Longest is how long a login may have to wait for its code.
func (o *OTP) Longest() time.Duration {
	switch o.Kind {
	case OTPNone:
		return 0
	case OTPTOTP:
		return o.Period
	}
	return o.Timeout
}

// files are the paths of the login that start at the folder of the target file.
func (l *Login) files() []*string {
	o := &l.OTP
	files := []*string{&o.SecretFile, &o.IMAP.PasswordFile, &o.IMAP.CAFile, &o.Webhook.TokenFile, &o.Webhook.CertFile, &o.Webhook.KeyFile}
	for index := range o.Paths {
		files = append(files, &o.Paths[index])
	}
	return files
}

func (c *checker) login(l *Login) {
	c.choice("login.driver", l.Driver, DriverForm, DriverESignet, DriverBrowser)
	c.choice("login.method", l.Method, MethodPIN, MethodOTP)
	c.url("login.url", l.URL, false)
	if l.URL != "" && l.Driver != DriverESignet {
		c.report("login.url", "is for the driver esignet only", "the other drivers start where discovery says")
	}
	if l.Fields != (LoginFields{}) && l.Driver == DriverESignet {
		c.report("login.fields", "are for the drivers form and browser only", "leave them out")
	}
	if l.Fields.Submit != "" && l.Driver == DriverForm {
		c.report("login.fields.submit", "is for the driver browser only", "the driver form finds the button by itself")
	}
	if l.OTP.Kind == OTPNone {
		if l.Method == MethodOTP {
			c.report("login.otp.kind", "is missing, but login.method is otp", "say how the codes come: totp, file, mailbox or webhook")
		} else if c.document.Has("login.otp") {
			c.report("login.otp.kind", "is missing", "choose from totp, file, mailbox, webhook")
		}
		return
	}
	c.otp(&l.OTP)
}

func (c *checker) otp(o *OTP) {
	c.choice("login.otp.kind", o.Kind, OTPTOTP, OTPFile, OTPMailbox, OTPWebhook)
	if o.Timeout < time.Second || o.Timeout > 5*time.Minute {
		c.report("login.otp.timeout", fmt.Sprintf("%s is not between 1s and 5m", o.Timeout), "")
	}
	if _, err := regexp.Compile(o.Pattern); err != nil {
		c.report("login.otp.pattern", fmt.Sprintf("is no regular expression: %v", err), "")
	}
	switch o.Kind {
	case OTPTOTP:
		c.file("login.otp.secret_file", o.SecretFile, true)
		c.choice("login.otp.algorithm", o.Algorithm, "SHA1", "SHA256", "SHA512")
		if o.Digits < 6 || o.Digits > 8 {
			c.report("login.otp.digits", fmt.Sprintf("%d is not 6, 7 or 8", o.Digits), "")
		}
		if o.Period < 10*time.Second || o.Period > 2*time.Minute || o.Period%time.Second != 0 {
			c.report("login.otp.period", fmt.Sprintf("%s is not between 10s and 2m, in whole seconds", o.Period), "")
		}
	case OTPFile:
		c.appended(o.Paths)
	case OTPMailbox:
		c.mailbox(o)
	case OTPWebhook:
		c.webhook(o.Webhook)
	}
}

// appended wants folders that exist: the file itself may come with its first
// message.
func (c *checker) appended(paths []string) {
	if len(paths) == 0 {
		c.report("login.otp.paths", "is missing", "name the files that messages are appended to")
	}
	for index, path := range paths {
		if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			c.report(fmt.Sprintf("login.otp.paths[%d]", index), fmt.Sprintf("the folder %s does not exist", filepath.Dir(path)), "")
		}
	}
}

func (c *checker) mailbox(o *OTP) {
	if o.IMAP.Address == "" {
		if len(o.Paths) != 1 {
			c.report("login.otp.imap.address", "is missing", "name a server (host:port), or one Maildir folder or mbox file in login.otp.paths")
		}
		return
	}
	host, _, err := net.SplitHostPort(o.IMAP.Address)
	if err != nil {
		c.report("login.otp.imap.address", fmt.Sprintf("%q is no host:port", o.IMAP.Address), "write it like mail.example.org:993")
	}
	c.choice("login.otp.imap.security", o.IMAP.Security, SecurityTLS, SecurityStartTLS, SecurityNone)
	if o.IMAP.Security == SecurityNone && !loopback(host) {
		c.report("login.otp.imap.security", "none would send the password in the clear", "only this machine may be reached so")
	}
	c.required("login.otp.imap.username", o.IMAP.Username)
	c.file("login.otp.imap.password_file", o.IMAP.PasswordFile, true)
	c.file("login.otp.imap.ca_file", o.IMAP.CAFile, false)
}

func (c *checker) webhook(w Webhook) {
	host, _, err := net.SplitHostPort(w.Listen)
	if err != nil {
		c.report("login.otp.webhook.listen", fmt.Sprintf("%q is no host:port", w.Listen), "write it like 127.0.0.1:8025")
	} else if w.CertFile == "" && !loopback(host) {
		c.report("login.otp.webhook.cert_file", "is missing, and codes would come in the clear", "only this machine may post by http")
	}
	c.file("login.otp.webhook.token_file", w.TokenFile, true)
	c.file("login.otp.webhook.cert_file", w.CertFile, w.KeyFile != "")
	c.file("login.otp.webhook.key_file", w.KeyFile, w.CertFile != "")
}
