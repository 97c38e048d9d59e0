package statuslist

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tocsin/system/identity/compact"
)

// claims of a Status List Token (Token Status List, 5.1).
type claims struct {
	Subject  string  `json:"sub"`
	IssuedAt int64   `json:"iat"`
	Expires  int64   `json:"exp"`
	TTL      int64   `json:"ttl"`
	List     Encoded `json:"status_list"`
}

func (c claims) issued() time.Time { return time.Unix(c.IssuedAt, 0) }

// document is a published list.
type document struct {
	token  []byte
	zipped []byte
	tag    string
	claims claims
}

func newDocument(token []byte, claims claims) (*document, error) {
	hash := sha256.Sum256(token)
	d := &document{token: token, claims: claims}
	d.tag = `"` + base64.RawURLEncoding.EncodeToString(hash[:12]) + `"`
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	if _, err := writer.Write(token); err != nil {
		return nil, fmt.Errorf("compress status list: %w", err)
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("compress status list: %w", err)
	}
	d.zipped = zipped.Bytes()
	return d, nil
}

const (
	extension = ".jwt"
	// maxFile is more than a list of random bits takes.
	maxFile = 1 << 20
)

// load reads the files of lists in folder, which is made when it is not there.
func load(folder string) (map[uint64][]byte, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("make status list folder: %w", err)
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("read status list folder: %w", err)
	}
	tokens := map[uint64][]byte{}
	for _, file := range files {
		name, isList := strings.CutSuffix(file.Name(), extension)
		number, err := strconv.ParseUint(name, 10, 64)
		if !isList || err != nil {
			continue
		}
		if tokens[number], err = os.ReadFile(filepath.Join(folder, file.Name())); err != nil {
			return nil, fmt.Errorf("read status list: %w", err)
		}
	}
	return tokens, nil
}

// parse reads a token from the folder. The signature is not checked: whoever
// can write there is this process, and no key may be known yet.
func (p *Publisher) parse(number uint64, token []byte) (*document, *List, error) {
	parsed, err := compact.Parse(string(token), maxFile)
	if err != nil {
		return nil, nil, err
	}
	var claims claims
	if err := json.Unmarshal(parsed.Payload, &claims); err != nil {
		return nil, nil, fmt.Errorf("decode claims: %w", err)
	}
	if claims.Subject != p.Entries.URI(number) {
		return nil, nil, errors.New("it is another list or of another issuer")
	}
	list, err := Decode(claims.List)
	if err != nil {
		return nil, nil, err
	}
	d, err := newDocument(token, claims)
	return d, list, err
}

// save puts a list into folder, whole or not at all: it is written beside and
// renamed.
func save(folder string, number uint64, token []byte) (err error) {
	file, err := os.CreateTemp(folder, "new-*")
	if err != nil {
		return fmt.Errorf("write status list: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write status list: %w", err), remove(file.Name()))
		}
	}()
	if _, err := file.Write(token); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := errors.Join(file.Chmod(0o644), file.Sync(), file.Close()); err != nil {
		return err
	}
	name := filepath.Join(folder, strconv.FormatUint(number, 10)+extension)
	if err := os.Rename(file.Name(), name); err != nil {
		return err
	}
	return syncFolder(folder)
}

func remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncFolder makes a rename last through a loss of power.
func syncFolder(folder string) error {
	opened, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(opened.Sync(), opened.Close())
}
