package otp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	gomessage "github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // mails come in any charset
	"github.com/emersion/go-message/mail"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxParts bounds the parts of a mail that are read.
const maxParts = 20

// errEnough ends the reading of a mail.
var errEnough = errors.New("enough of the mail is read")

// readMail makes a message of a mail. What cannot be read of it is left out: a
// code may be in the rest. Plain text comes before what is left of HTML.
func readMail(raw []byte) (message, error) {
	entity, err := gomessage.Read(bytes.NewReader(raw))
	if err != nil && !readableAllTheSame(err) {
		return message{}, fmt.Errorf("read mail: %w", err)
	}
	header := mail.Header{Header: entity.Header}
	subject, err := header.Subject()
	if err != nil {
		subject = entity.Header.Get("Subject")
	}
	var plain, marked strings.Builder
	parts := 0
	err = entity.Walk(func(_ []int, part *gomessage.Entity, err error) error {
		if parts++; parts > maxParts {
			return errEnough
		}
		if err != nil && !readableAllTheSame(err) {
			return fmt.Errorf("read part of mail: %w", err)
		}
		kind, _, _ := part.Header.ContentType()
		if kind != "text/plain" && kind != "text/html" && kind != "" {
			return nil
		}
		body, err := io.ReadAll(io.LimitReader(part.Body, maxMessage))
		if err != nil {
			return fmt.Errorf("read part of mail: %w", err)
		}
		if kind == "text/html" {
			marked.WriteString(withoutMarkup(body))
		} else {
			plain.Write(body)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return message{}, err
	}
	return message{from: entity.Header.Get("From"), subject: subject, body: plain.String() + "\n" + marked.String()}, nil
}

func readableAllTheSame(err error) bool {
	return gomessage.IsUnknownCharset(err) || gomessage.IsUnknownEncoding(err)
}

// withoutMarkup is the text of HTML. Colours in styles look like codes, so
// styles are left out.
func withoutMarkup(body []byte) string {
	var text strings.Builder
	tokens, skip := html.NewTokenizer(bytes.NewReader(body)), 0
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return text.String()
		case html.TextToken:
			if skip == 0 {
				text.Write(tokens.Text())
				text.WriteByte(' ')
			}
		case html.StartTagToken:
			if isUnread(tokens) {
				skip++
			}
		case html.EndTagToken:
			if isUnread(tokens) && skip > 0 {
				skip--
			}
		case html.SelfClosingTagToken, html.CommentToken, html.DoctypeToken:
		}
	}
}

func isUnread(tokens *html.Tokenizer) bool {
	name, _ := tokens.TagName()
	tag := atom.Lookup(name)
	return tag == atom.Style || tag == atom.Script || tag == atom.Title
}
