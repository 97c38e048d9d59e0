package tlscheck

import (
	"crypto/rand"
	"fmt"
	"net/netip"

	"golang.org/x/crypto/cryptobyte"
)

// version is a protocol version as it stands on the wire.
type version uint16

// The versions that are asked for. SSL 2.0 has another form of hello, which no
// library that could still answer it is maintained for.
const (
	ssl30 version = 0x0300
	tls10 version = 0x0301
	tls11 version = 0x0302
	tls12 version = 0x0303
	tls13 version = 0x0304
)

func versions() []version { return []version{ssl30, tls10, tls11, tls12, tls13} }

func (v version) String() string {
	switch v {
	case ssl30:
		return "SSL 3.0"
	case tls10, tls11, tls12, tls13:
		return fmt.Sprintf("TLS 1.%d", v-tls10)
	}
	return fmt.Sprintf("version 0x%04x", uint16(v))
}

// group is a group for the exchange of keys (IANA, TLS Supported Groups).
type group uint16

func (g group) String() string {
	named := map[group]string{
		1: "sect163k1", 2: "sect163r1", 3: "sect163r2", 4: "sect193r1", 5: "sect193r2", 6: "sect233k1", 7: "sect233r1", 8: "sect239k1",
		15: "secp160k1", 16: "secp160r1", 17: "secp160r2", 18: "secp192k1", 19: "secp192r1", 20: "secp224k1", 21: "secp224r1",
		22: "secp256k1", 23: "P-256", 24: "P-384", 25: "P-521", 26: "brainpoolP256r1", 27: "brainpoolP384r1", 28: "brainpoolP512r1",
		29: "X25519", 30: "X448", 256: "ffdhe2048", 257: "ffdhe3072", 258: "ffdhe4096",
	}
	if name, known := named[g]; known {
		return name
	}
	return fmt.Sprintf("group %d", uint16(g))
}

// usualGroups are offered while suites are counted, and weakGroups, all below
// 256 bits, where only refusing them is right.
func usualGroups() []group {
	return []group{29, 23, 24, 25, 30, 22, 26, 27, 28, 9, 10, 11, 12, 13, 14, 256, 257, 258, 21, 19}
}

func weakGroups() []group { return []group{1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 18, 19, 20, 21} }

// hello is what one ClientHello offers.
type hello struct {
	version version
	suites  []suite
	groups  []group
	// name of the server; none is sent for an address (RFC 6066, section 3).
	name string
}

// Numbers of handshake messages and extensions (RFC 8446, sections 4 and 4.2).
const (
	recordAlert     = 21
	recordHandshake = 22

	messageClientHello = 1
	messageServerHello = 2
	messageCertificate = 11
	messageKeyExchange = 12
	messageHelloDone   = 14

	extensionName       = 0
	extensionGroups     = 10
	extensionPoints     = 11
	extensionSignatures = 13
	extensionMaster     = 23
	extensionVersions   = 43
	extensionKeyShare   = 51
)

// bytes of the hello as one record.
func (h hello) bytes() ([]byte, error) {
	random := make([]byte, 64)
	if _, err := rand.Read(random); err != nil {
		return nil, fmt.Errorf("make hello: %w", err)
	}
	legacy, record, session := h.version, tls10, []byte{}
	if h.version == tls13 {
		// RFC 8446, section 4.1.2: TLS 1.3 looks like 1.2 to those in between.
		legacy, session = tls12, random[32:]
	}
	if h.version == ssl30 {
		record = ssl30
	}
	var b cryptobyte.Builder
	b.AddUint8(recordHandshake)
	b.AddUint16(uint16(record))
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint8(messageClientHello)
		b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
			b.AddUint16(uint16(legacy))
			b.AddBytes(random[:32])
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(session) })
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				for _, s := range h.suites {
					b.AddUint16(uint16(s))
				}
			})
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddUint8(0) })
			if h.version != ssl30 { // which has no extensions (RFC 6101)
				b.AddUint16LengthPrefixed(h.extensions)
			}
		})
	})
	made, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("make hello: %w", err)
	}
	return made, nil
}

func (h hello) extensions(b *cryptobyte.Builder) {
	add := func(kind uint16, body func(*cryptobyte.Builder)) {
		b.AddUint16(kind)
		b.AddUint16LengthPrefixed(body)
	}
	if _, err := netip.ParseAddr(h.name); err != nil && h.name != "" {
		add(extensionName, func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				b.AddUint8(0)
				b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(h.name)) })
			})
		})
	}
	add(extensionGroups, func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, g := range h.groups {
				b.AddUint16(uint16(g))
			}
		})
	})
	add(extensionPoints, func(b *cryptobyte.Builder) {
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddUint8(0) })
	})
	if h.version >= tls12 {
		add(extensionSignatures, func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				for _, scheme := range signatureSchemes() {
					b.AddUint16(scheme)
				}
			})
		})
	}
	add(extensionMaster, func(*cryptobyte.Builder) {})
	if h.version == tls13 {
		add(extensionVersions, func(b *cryptobyte.Builder) {
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddUint16(uint16(tls13)) })
		})
		// No share of a key: the server then asks for one, in clear, and in that
		// names the suite and group it chose (RFC 8446, section 4.2.8).
		add(extensionKeyShare, func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(*cryptobyte.Builder) {})
		})
	}
}

// signatureSchemes are all of TLS 1.2 and 1.3, the weak ones too, so that none
// is why a server refuses.
func signatureSchemes() []uint16 {
	return []uint16{
		0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B, 0x0401, 0x0501, 0x0601,
		0x0303, 0x0301, 0x0203, 0x0201, 0x0402, 0x0302, 0x0202, 0x0101,
	}
}
