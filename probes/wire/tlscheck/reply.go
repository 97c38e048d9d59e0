package tlscheck

import (
	"crypto/x509"
	"errors"
	"io"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
)

// reply is what a server said to a hello, as far as it is in clear.
type reply struct {
	// refused is true where it sent an alert instead of an answer.
	refused bool
	alert   uint8
	version version
	suite   suite
	// certificates and the group of the key exchange are in clear up to TLS
	// 1.2; of TLS 1.3 only the group is.
	certificates []*x509.Certificate
	group        group
	dhBits       int
}

// errNotTLS marks an answer that is no TLS.
var errNotTLS = errors.New("the answer is not TLS")

// maxReply bounds an answer, in bytes. Chains of certificates are far smaller.
const maxReply = 128 << 10

// readReply reads until the server has said all that is in clear. A connection
// that ends before the server has chosen is reported as io.ErrUnexpectedEOF.
func readReply(from io.Reader) (reply, error) {
	var read []byte
	buffer := make([]byte, 4096)
	for len(read) < maxReply {
		n, err := from.Read(buffer)
		read = append(read, buffer[:n]...)
		parsed, complete, parseErr := parseReply(read)
		if parseErr != nil || complete {
			return parsed, parseErr
		}
		if err == nil {
			continue
		}
		if parsed.version != 0 {
			return parsed, nil // it has chosen; what is missing is detail
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return reply{}, err
	}
	return reply{}, errNotTLS
}

// parseReply reads the records received so far. It reports whether they are all
// that can be read in clear.
func parseReply(data []byte) (found reply, complete bool, err error) {
	records := cryptobyte.String(data)
	var messages cryptobyte.String
	for !records.Empty() {
		var kind uint8
		var major, minor uint8
		var body cryptobyte.String
		rest := records
		if !rest.ReadUint8(&kind) || kind != recordAlert && kind != recordHandshake && kind != 20 && kind != 23 {
			return reply{}, false, errNotTLS
		}
		if !rest.ReadUint8(&major) {
			break
		}
		if major != 3 {
			return reply{}, false, errNotTLS
		}
		if !rest.ReadUint8(&minor) || !rest.ReadUint16LengthPrefixed(&body) {
			break // the rest of the record is still to come
		}
		records = rest
		switch kind {
		case recordHandshake:
			messages = append(messages, body...)
		case recordAlert:
			complete, err = found.takeAlert(body, messages)
			return found, complete, err
		default:
			// What follows is not in clear.
			_, err = found.takeMessages(messages)
			return found, err == nil, err
		}
	}
	complete, err = found.takeMessages(messages)
	return found, complete, err
}

// takeAlert reads an alert. A warning before the answer, such as one about the
// name, is followed by the answer.
func (r *reply) takeAlert(body, messages cryptobyte.String) (complete bool, err error) {
	var level, description uint8
	if !body.ReadUint8(&level) || !body.ReadUint8(&description) {
		return false, errNotTLS
	}
	if _, err := r.takeMessages(messages); err != nil {
		return false, err
	}
	if r.version == 0 {
		r.refused, r.alert = true, description
	}
	return true, nil
}

// takeMessages reads handshake messages. It reports whether the last one that
// is in clear was among them.
func (r *reply) takeMessages(messages cryptobyte.String) (complete bool, err error) {
	for !messages.Empty() {
		var kind uint8
		var body cryptobyte.String
		if !messages.ReadUint8(&kind) || !messages.ReadUint24LengthPrefixed(&body) {
			return false, nil // to be continued in the next record
		}
		if r.version == 0 && kind != messageServerHello {
			return false, errNotTLS
		}
		switch kind {
		case messageServerHello:
			if !r.takeServerHello(body) {
				return false, errNotTLS
			}
			if r.version == tls13 {
				return true, nil
			}
		case messageCertificate:
			r.takeCertificates(body)
		case messageKeyExchange:
			r.takeKeyExchange(body)
		case messageHelloDone:
			return true, nil
		}
	}
	return false, nil
}

// takeServerHello reads RFC 8446, section 4.1.3, and what came before it.
func (r *reply) takeServerHello(body cryptobyte.String) bool {
	var legacy, chosen uint16
	var compression uint8
	var session, extensions cryptobyte.String
	if !body.ReadUint16(&legacy) || !body.Skip(32) || !body.ReadUint8LengthPrefixed(&session) ||
		!body.ReadUint16(&chosen) || !body.ReadUint8(&compression) {
		return false
	}
	r.version, r.suite = version(legacy), suite(chosen)
	if body.Empty() {
		return true
	}
	if !body.ReadUint16LengthPrefixed(&extensions) {
		return false
	}
	for !extensions.Empty() {
		var kind uint16
		var value cryptobyte.String
		if !extensions.ReadUint16(&kind) || !extensions.ReadUint16LengthPrefixed(&value) {
			return false
		}
		var number uint16
		switch kind {
		case extensionVersions:
			if !value.ReadUint16(&number) {
				return false
			}
			r.version = version(number)
		case extensionKeyShare:
			if value.ReadUint16(&number) {
				r.group = group(number)
			}
		}
	}
	return true
}

// takeCertificates reads RFC 5246, section 7.4.2. What cannot be read is left
// out: the full handshake tells why.
func (r *reply) takeCertificates(body cryptobyte.String) {
	var list cryptobyte.String
	if !body.ReadUint24LengthPrefixed(&list) {
		return
	}
	for !list.Empty() {
		var der cryptobyte.String
		if !list.ReadUint24LengthPrefixed(&der) {
			return
		}
		if certificate, err := x509.ParseCertificate(der); err == nil {
			r.certificates = append(r.certificates, certificate)
		}
	}
}

// takeKeyExchange reads the group: a named curve (RFC 8422, section 5.4), or a
// prime of the server's own (RFC 5246, section 7.4.3).
func (r *reply) takeKeyExchange(body cryptobyte.String) {
	const namedCurve = 3
	var kind uint8
	var number uint16
	curve := body
	if curve.ReadUint8(&kind) && kind == namedCurve && curve.ReadUint16(&number) && !isFinite(r.suite) {
		r.group = group(number)
		return
	}
	var prime cryptobyte.String
	if isFinite(r.suite) && body.ReadUint16LengthPrefixed(&prime) {
		r.dhBits = new(big.Int).SetBytes(prime).BitLen()
	}
}
