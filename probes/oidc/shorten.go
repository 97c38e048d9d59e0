package oidc

// shorten keeps what the target wrote from filling the page of the reader.
func shorten(text string) string {
	const longest = 160
	runes := []rune(text)
	if len(runes) <= longest {
		return text
	}
	return string(runes[:longest]) + "…"
}
