package secret

// Secrets returns a key of 32 bytes for one purpose from each pepper, the
// current one first, for packages that make keys of their own kind.
func (k *Keys) Secrets(purpose string) [][]byte {
	secrets := make([][]byte, len(k.peppers))
	for i, pepper := range k.peppers {
		secrets[i] = mac(pepper, "secret", purpose)
	}
	return secrets
}

// Lasting returns a key of 32 bytes for one purpose that stays the same through
// every replacement of what seals.
func (k *Keys) Lasting(purpose string) []byte { return mac(k.lasting, "lasting", purpose) }
