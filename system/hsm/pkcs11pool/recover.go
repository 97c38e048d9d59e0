package pkcs11pool

import (
	"errors"
	"fmt"
	"slices"

	"github.com/miekg/pkcs11"

	"tocsin/system/hsm/protocol"
)

// staleCodes are the errors after which a session is worthless although the
// token may be fine.
func staleCodes() []pkcs11.Error {
	return []pkcs11.Error{
		pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_USER_NOT_LOGGED_IN,
		pkcs11.CKR_KEY_HANDLE_INVALID, pkcs11.CKR_OBJECT_HANDLE_INVALID,
		pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_TOKEN_NOT_PRESENT,
		pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED, pkcs11.CKR_OPERATION_ACTIVE, pkcs11.CKR_GENERAL_ERROR,
		pkcs11.CKR_FUNCTION_FAILED, pkcs11.CKR_OPERATION_NOT_INITIALIZED,
		pkcs11.CKR_SLOT_ID_INVALID, pkcs11.CKR_TOKEN_NOT_RECOGNIZED, pkcs11.CKR_SESSION_COUNT,
	}
}

func stale(err error) bool {
	var code pkcs11.Error
	return errors.As(err, &code) && slices.Contains(staleCodes(), code)
}

// verdict reports whether the token itself refused: a wrong PIN or a mechanism
// that it does not have. Trying again would change nothing, and may lock the PIN.
func verdict(err error) bool {
	var code pkcs11.Error
	return errors.As(err, &code) && !slices.Contains(staleCodes(), code)
}

// attempt runs operation on current; when that session turns out stale, on a
// fresh one; when a fresh one does not help, on one of a library that was
// initialised anew. It returns the session to keep, nil when none is good.
func (p *Pool) attempt(current *session, operation func(*session) error) (*session, error) {
	generation, err := p.library.enter()
	if err == nil {
		var kept *session
		kept, err = p.attemptHere(current, generation, operation)
		p.library.leave()
		if err == nil {
			return kept, nil
		}
	}
	if verdict(err) {
		return nil, err
	}
	p.log.Warn("token does not sign on a fresh session; initialising the library again", "error", err)
	if reinit := p.library.reinitialise(generation); reinit != nil {
		return nil, errors.Join(err, reinit)
	}
	generation, err = p.library.enter()
	if err != nil {
		return nil, err
	}
	defer p.library.leave()
	return p.fresh(generation, operation)
}

func (p *Pool) attemptHere(current *session, generation uint64, operation func(*session) error) (*session, error) {
	if current != nil && current.generation == generation {
		err := operation(current)
		if err == nil {
			return current, nil
		}
		p.discard(current, err)
		if !stale(err) {
			return nil, err
		}
		p.log.Info("replacing a stale session", "error", err)
	}
	return p.fresh(generation, operation)
}

func (p *Pool) fresh(generation uint64, operation func(*session) error) (*session, error) {
	opened, err := p.open(generation, false)
	if err != nil {
		return nil, err
	}
	if err := operation(opened); err != nil {
		p.discard(opened, err)
		return nil, err
	}
	return opened, nil
}

// discard closes a session so that it does not count against the token's
// limit, unless err says that it is closed: its number may be another's by now.
func (p *Pool) discard(s *session, err error) {
	if errors.Is(err, pkcs11.Error(pkcs11.CKR_SESSION_HANDLE_INVALID)) || errors.Is(err, pkcs11.Error(pkcs11.CKR_SESSION_CLOSED)) {
		return
	}
	if err := p.library.ctx.CloseSession(s.handle); err != nil {
		p.log.Debug("close a session that is given up", "error", err)
	}
}

// open makes a session and logs in. It knows no key handles yet: they survive
// what makes sessions stale as little as the login does.
func (p *Pool) open(generation uint64, writable bool) (*session, error) {
	slot, err := p.library.slot(p.config.TokenLabel)
	if err != nil {
		return nil, err
	}
	flags := uint(pkcs11.CKF_SERIAL_SESSION)
	if writable {
		flags |= pkcs11.CKF_RW_SESSION
	}
	handle, err := p.library.ctx.OpenSession(slot, flags)
	if err != nil {
		return nil, fmt.Errorf("C_OpenSession: %w", err)
	}
	opened := &session{handle: handle, keys: map[protocol.ID]pkcs11.ObjectHandle{}, generation: generation}
	if err := p.prepare(opened); err != nil {
		p.discard(opened, err)
		return nil, err
	}
	return opened, nil
}

func (p *Pool) prepare(s *session) error {
	err := p.library.ctx.Login(s.handle, pkcs11.CKU_USER, p.config.PIN)
	if err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
		return fmt.Errorf("C_Login: %w", err)
	}
	p.mu.RLock()
	learned := p.keys != nil && p.keysOf == s.generation
	p.mu.RUnlock()
	if learned {
		return nil
	}
	return p.learn(s)
}
