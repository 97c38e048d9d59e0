package secret

// Secrets returns a key of 32 bytes for one purpose from each pepper, the
// current one first, for packages that make keys of their own kind. What must
// never change follows from the last.
func (k *Keys) Secrets(purpose string) [][]byte {
	secrets := make([][]byte, len(k.peppers))
	for i, pepper := range k.peppers {
		secrets[i] = mac(pepper, "secret", purpose)
	}
	return secrets
}
