// Package accessibility owns what stands between a page and the people who use
// it with a screen reader, a keyboard or poor sight, as far as a machine can
// tell: axe-core looks at the page in a browser, and what it finds is kept and
// held against what it found when the page was approved. How the page looks,
// and whether a finding matters, is not known here.
package accessibility
