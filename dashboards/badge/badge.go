// Package badge owns small pictures that say in two words how a probe is, for
// pages of others: its last verdict, or its uptime. It draws them itself and
// loads nothing; what they say is handed in.
package badge

import (
	"bytes"
	"fmt"
	"html"
	"strings"
	"unicode/utf8"
)

// Tone is the colour of what a badge says.
type Tone string

// Tones: dark enough for white letters (WCAG 2.2, 1.4.3).
const (
	Good    Tone = "#1c7a45"
	Middle  Tone = "#8a6100"
	Bad     Tone = "#b3261e"
	Nothing Tone = "#5a6170"
)

// Badge is what a picture says.
type Badge struct {
	Label, Value string
	Tone         Tone
}

const (
	height  = 20
	padding = 7
)

// SVG draws the badge. Text is fitted to the widths it is given, so that it does
// not matter which fonts its reader has.
func (b Badge) SVG() []byte {
	label, value := width(b.Label), width(b.Value)
	left, right := label+2*padding, value+2*padding
	said := html.EscapeString(b.Label + ": " + b.Value)
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" role="img" aria-label="%[3]s"><title>%[3]s</title>`,
		left+right, height, said)
	fmt.Fprintf(&out, `<clipPath id="round"><rect width="%d" height="%d" rx="3"/></clipPath>`, left+right, height)
	fmt.Fprintf(&out, `<g clip-path="url(#round)"><rect width="%d" height="%d" fill="#3b4149"/><rect x="%d" width="%d" height="%d" fill="%s"/></g>`,
		left, height, left, right, height, b.Tone)
	out.WriteString(`<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">`)
	fmt.Fprintf(&out, `<text x="%d" y="14" textLength="%d">%s</text>`, padding, label, html.EscapeString(b.Label))
	fmt.Fprintf(&out, `<text x="%d" y="14" textLength="%d">%s</text>`, left+padding, value, html.EscapeString(b.Value))
	out.WriteString("</g></svg>\n")
	return out.Bytes()
}

// width is about how wide text is in a sans-serif of 11 px.
func width(text string) int {
	narrow := 0
	for _, letter := range text {
		if strings.ContainsRune(" .,:;!|'()[]fijlrtI1-", letter) {
			narrow++
		}
	}
	return (utf8.RuneCountInString(text)-narrow)*7 + narrow*5
}
