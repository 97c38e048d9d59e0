package accessibility

import _ "embed" // axe-core is a file of its own, kept as it was published

// Engine is what looks at pages. Reports of different engines are not compared:
// a new version knows more rules.
const Engine = "axe-core/4.14.1"

// engineSHA256 is the checksum of axe/axe.min.js as it was published; see
// axe/README.md.
const engineSHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"

//go:embed axe/axe.min.js
var engineScript string

// tags choose the rules: WCAG 2.0, 2.1 and 2.2, levels A and AA, which is what
// the law asks for (EN 301 549). What axe-core calls best practice is opinion,
// and left out.
func tags() []string { return []string{"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"} }
