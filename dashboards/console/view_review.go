package console

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// pageOf is the page that a picture shows, of its name.
func pageOf(name string) string {
	page, _, _ := strings.Cut(name, "__")
	return page
}

// stateOf is in which state, size, scheme and language it shows it.
func stateOf(name string) []string {
	_, rest, several := strings.Cut(name, "__")
	if !several {
		return nil
	}
	return strings.Split(rest, "__")
}

// piece is a part of a sentence; Code is the name of something on a page.
type piece struct {
	Text string
	Code bool
}

// coded takes apart a sentence with names between backquotes.
func coded(sentence string) []piece {
	parts := strings.Split(sentence, "`")
	if len(parts)%2 == 0 {
		return []piece{{Text: sentence}}
	}
	var all []piece
	for index, part := range parts {
		if part != "" {
			all = append(all, piece{Text: part, Code: index%2 == 1})
		}
	}
	return all
}

// view is the part of a canvas that a small picture shows.
type view struct{ X, Y, Width, Height int }

// thumb shows a picture at its whole width: from its top, or the first part of
// it that changed, whole if it can be.
func thumb(r Review) view {
	const wide, high, margin = 16, 10, 40
	v := view{Width: max(r.Width, 1), Height: max(r.Width*high/wide, 1)}
	if len(r.Regions) == 0 {
		return v
	}
	first := r.Regions[0]
	v.Height = max(min(first.Height+2*margin, 2*r.Width), v.Height)
	centre := first.Y + first.Height/2
	v.Y = max(min(centre-v.Height/2, first.Y-margin, r.Height-v.Height), 0)
	return v
}

// around is the box of a region, drawn so that it hides nothing of it.
func around(r Region) Region {
	const margin = 4
	return Region{X: r.X - margin, Y: r.Y - margin, Width: r.Width + 2*margin, Height: r.Height + 2*margin}
}

// changed says how much differs, or nothing where nothing was compared.
func changed(r Review) string {
	if r.ChangedPixels == 0 {
		return ""
	}
	return fmt.Sprintf("%s changed · %s px · %s", share100(r.Percent), thousands(r.ChangedPixels), tally(len(r.Regions), "region", "regions"))
}

// compared says how a picture compares, as far as that is known: where the check
// ended before, nothing is said.
func compared(r Review) string {
	difference := changed(r)
	switch {
	case difference != "":
		return difference
	case r.first():
		return "nothing is approved yet"
	case r.Verdict.Good():
		return "looks as approved"
	default:
		return ""
	}
}

// narrow is a picture of a telephone.
func narrow(s Shot) bool { return s.Width < s.Height*4/5 && s.Width < 600 }

// share100 never rounds a difference away.
func share100(percent float64) string {
	if percent < 0.01 {
		return "less than 0.01 %"
	}
	return fmt.Sprintf("%.2f %%", percent)
}

// thousands separates them by a narrow space, as SI does.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "\u202f" + digits[at:]
	}
	return digits
}

// tally counts things of one name.
func tally(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

// explained is a standing in words: of several pictures, and of one.
type explained struct{ Title, Text, One string }

func meaning(s Standing) explained {
	switch s {
	case ToDecide:
		return explained{Title: "Needs a decision", Text: "They do not look as approved, or nothing is approved that they could be held against."}
	case Broken:
		return explained{Title: "No picture of the page", Text: "The page answered with something else or not at all, or the check itself went wrong: there is nothing to approve."}
	case Defect:
		return explained{"Rejected", "A person called these a defect. They go on failing until the page is mended.", "The check goes on failing until the page is mended."}
	case Awaiting:
		return explained{"Approved since", "The next check will be held against the new picture.", "The next check will be held against it."}
	default:
		return explained{Title: "Looks as approved"}
	}
}

// command is what does the same as a decision on the page.
func command(r *Reviewed, action string) string {
	why := " --reason 'what was changed and why'"
	switch {
	case action == "reject":
		why = " --reason 'what is wrong'"
	case r.First():
		why = ""
	}
	return fmt.Sprintf("tocsin visual %s %s --from %s%s", action, quoted(r.Name), quoted(r.RunID), why)
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	if folderSafe(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// newestFirst turns a history around.
func newestFirst(history []PastDecision) []PastDecision {
	turned := slices.Clone(history)
	slices.Reverse(turned)
	return turned
}
