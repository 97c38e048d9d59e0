package otp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"go.uber.org/goleak"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/otp"
)

func TestMain(m *testing.M) { // A server that closed a connection lingers half a second for the client to read the rest.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

func open(t *testing.T, o target.OTP) *otp.Wait {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	source, err := otp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	wait, err := source.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := wait.Close(); err != nil {
			t.Error(err)
		}
	})
	return wait
}

func expect(t *testing.T, wait *otp.Wait, want string) {
	t.Helper()
	if code, err := wait.Code(t.Context()); err != nil || code != want {
		t.Fatalf("got %q, %v; want %q", code, err, want)
	}
}

func reason(t *testing.T, err error, want verdict.Reason, says string) {
	t.Helper()
	var failure *exchange.Failure
	if !errors.As(err, &failure) || failure.Reason != want || !strings.Contains(failure.Detail, says) {
		t.Fatalf("got %v, want %s saying %q", err, want, says)
	}
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	write(t, path, text)
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

const line = `{"individual_id":"%s","phone":"+4740000000","code":"%s"}` + "\n"

func fileOf(path string) target.OTP {
	return target.OTP{Kind: target.OTPFile, Paths: []string{path}, Match: `"individual_id":"1000000001"`, Pattern: `"code":"(\d+)"`}
}

func TestACodeIsReadFromWhatIsAppendedToAFile(t *testing.T) {
	path := file(t, "outbox", fmt.Sprintf(line, "1000000001", "000000"))
	wait := open(t, fileOf(path))
	write(t, path, fmt.Sprintf(line, "2000000000", "111111")+fmt.Sprintf(line, "1000000001", "222222")+fmt.Sprintf(line, "1000000001", "333333"))
	expect(t, wait, "333333")
}

func TestAFileThatComesLaterOrIsReplacedIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox")
	wait := open(t, fileOf(path))
	write(t, path, fmt.Sprintf(line, "1000000001", "111111"))
	expect(t, wait, "111111")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, path, fmt.Sprintf(line, "1000000001", "222222"))
	expect(t, wait, "222222")
}

func TestACodeThatDoesNotComeIsTheTargetsFailure(t *testing.T) {
	path := file(t, "outbox", "")
	o := fileOf(path)
	o.Timeout = 300 * time.Millisecond
	wait := open(t, o)
	write(t, path, fmt.Sprintf(line, "2000000000", "111111"))
	_, err := wait.Code(t.Context())
	reason(t, err, verdict.CodeMissing, "1 messages came")
	if strings.Contains(err.Error(), "111111") {
		t.Error("the code of somebody else is given away")
	}
}

func TestAnInboxThatCannotBeReadIsOurFailure(t *testing.T) {
	path := file(t, "outbox", "")
	wait := open(t, fileOf(path))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err := wait.Code(t.Context())
	reason(t, err, verdict.OwnInbox, "no such file")
	for name, o := range map[string]target.OTP{
		"a folder that is not there": fileOf("/nonexistent/outbox"),
		"a Maildir that is none":     {Kind: target.OTPMailbox, Paths: []string{t.TempDir()}},
		"a server that is not there": {Kind: target.OTPMailbox, IMAP: target.IMAP{Address: "127.0.0.1:1", Security: target.SecurityNone}},
		"a token that is not there":  {Kind: target.OTPWebhook, Webhook: target.Webhook{TokenFile: "/nonexistent/token"}},
	} {
		source, err := otp.New(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = source.Open(t.Context()); err == nil {
			t.Fatalf("%s is opened", name)
		}
		reason(t, err, verdict.OwnInbox, "cannot be used")
	}
}

func TestLoginsOfOnePersonWaitForEachOther(t *testing.T) {
	path := file(t, "outbox", "")
	source, err := otp.New(fileOf(path))
	if err != nil {
		t.Fatal(err)
	}
	first, err := source.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = source.Open(ended)
	reason(t, err, verdict.Stopped, "stopped")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := source.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
}

func mail(code string) string {
	return "From: Identity <no-reply@id.example>\r\nSubject: =?utf-8?q?Your_code_=E2=9C=93?=\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
		"Hello 1000000001, use =\r\n" + code + " to log in.\r\n--b\r\nContent-Type: text/html\r\n\r\n<style>p{color:#123456}</style><p>Use <b>999999</b>\r\n--b--\r\n"
}

func mailbox() target.OTP {
	return target.OTP{Kind: target.OTPMailbox, From: "no-reply@ID.example", Subject: "your code", Match: "1000000001"}
}

func TestACodeIsReadFromAMaildir(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"new", "cur", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "new", "1"), mail("000000"))
	o := mailbox()
	o.Paths = []string{dir}
	wait := open(t, o)
	if err := os.Rename(filepath.Join(dir, "new", "1"), filepath.Join(dir, "cur", "1:2,S")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "new", "2"), strings.Replace(mail("555555"), "no-reply", "spam", 1))
	write(t, filepath.Join(dir, "new", "3"), mail("424242"))
	expect(t, wait, "424242")
}

func TestACodeIsReadFromAnMbox(t *testing.T) {
	path := file(t, "mbox", "From a@b Sat\n"+mail("000000"))
	o := mailbox()
	o.Paths = []string{path}
	wait := open(t, o)
	write(t, path, "\nFrom a@b Sat\n"+strings.ReplaceAll(mail("424242"), "\r\n", "\n"))
	expect(t, wait, "424242")
}

func TestACodeIsReadThroughIMAP(t *testing.T) {
	user := imapmemserver.NewUser("probe", "secret")
	if err := user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	appendMail := func(text string) {
		if _, err := user.Append("INBOX", literal{strings.NewReader(text), int64(len(text))}, &imap.AppendOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	memory := imapmemserver.New()
	memory.AddUser(user)
	server := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return memory.NewSession(), nil, nil
		},
		InsecureAuth: true, Caps: imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapIMAP4rev2: {}},
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	appendMail(mail("000000"))
	o := mailbox()
	o.IMAP = target.IMAP{
		Address: listener.Addr().String(), Username: "probe", PasswordFile: file(t, "password", "secret\n"),
		Folder: "INBOX", Security: target.SecurityNone,
	}
	wait := open(t, o)
	appendMail(mail("424242"))
	expect(t, wait, "424242")

	o.IMAP.PasswordFile = file(t, "password", "wrong")
	source, err := otp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = source.Open(t.Context())
	reason(t, err, verdict.OwnInbox, "log in to mailbox")
}

type literal struct {
	*strings.Reader
	size int64
}

func (l literal) Size() int64 { return l.size }

func TestACodeIsTakenFromAWebhook(t *testing.T) {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := probe.Addr().String()
	if err := probe.Close(); err != nil {
		t.Fatal(err)
	}
	o := target.OTP{Kind: target.OTPWebhook, Timeout: time.Second, Match: "+4740000000", Webhook: target.Webhook{
		Listen: address, TokenFile: file(t, "token", "t0ken"),
	}}
	wait := open(t, o)
	post := func(token, kind, body string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/sms", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", kind)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer http.DefaultClient.CloseIdleConnections()
		if err := response.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode
	}
	const form = "application/x-www-form-urlencoded"
	if got := post("other", form, "to=%2B4740000000&text=Code+666666"); got != http.StatusUnauthorized {
		t.Errorf("a wrong token: %d", got)
	}
	_, err = wait.Code(t.Context())
	reason(t, err, verdict.CodeMissing, "wrong token")
	if got := post("t0ken", "text/plain", strings.Repeat("x", 300<<10)); got != http.StatusBadRequest {
		t.Errorf("a message that is too large: %d", got)
	}
	if got := post("t0ken", form, "to=%2B4740000000&text=Your+code+is+424242."); got != http.StatusNoContent {
		t.Errorf("a message: %d", got)
	}
	expect(t, wait, "424242")
}
