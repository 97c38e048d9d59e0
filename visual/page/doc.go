// Package page owns what a page consists of, as far as a person can tell: its
// elements in document order, each with its place, text, accessible role and
// name, and the styles that a person sees. It is kept beside a picture, so that
// a difference of pixels can be put into words. It knows neither the browser
// that read the page nor what a difference means.
package page
