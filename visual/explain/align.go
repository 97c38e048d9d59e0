package explain

// maxTable bounds the table of an alignment; longer lists of children are taken
// pair by pair.
const maxTable = 1 << 20

// align finds which children of one element are those of another. It returns
// pairs in order; -1 stands for none.
func (d *difference) align(before, now []int) (pairs [][2]int) {
	// What is equal at both ends needs no table.
	head := 0
	for head < len(before) && head < len(now) && d.before.sums[before[head]] == d.now.sums[now[head]] {
		pairs = append(pairs, [2]int{before[head], now[head]})
		head++
	}
	before, now = before[head:], now[head:]
	tail := 0
	for tail < len(before) && tail < len(now) &&
		d.before.sums[before[len(before)-1-tail]] == d.now.sums[now[len(now)-1-tail]] {
		tail++
	}
	pairs = append(pairs, d.alignMiddle(before[:len(before)-tail], now[:len(now)-tail])...)
	for i := range tail {
		pairs = append(pairs, [2]int{before[len(before)-tail+i], now[len(now)-tail+i]})
	}
	return pairs
}

// alignMiddle finds the pairs, in order, that are alike most.
func (d *difference) alignMiddle(before, now []int) (pairs [][2]int) {
	if len(before)*len(now) > maxTable {
		return d.alignByPlace(before, now)
	}
	best := make([][]int, len(before)+1)
	for i := range best {
		best[i] = make([]int, len(now)+1)
	}
	for i := len(before) - 1; i >= 0; i-- {
		for j := len(now) - 1; j >= 0; j-- {
			best[i][j] = max(best[i+1][j], best[i][j+1])
			if like := d.likeness(before[i], now[j]); like > 0 {
				best[i][j] = max(best[i][j], like+best[i+1][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(before) && j < len(now) {
		like := d.likeness(before[i], now[j])
		switch {
		case like > 0 && best[i][j] == like+best[i+1][j+1]:
			pairs = append(pairs, [2]int{before[i], now[j]})
			i, j = i+1, j+1
		case best[i][j] == best[i+1][j]:
			pairs = append(pairs, [2]int{before[i], -1})
			i++
		default:
			pairs = append(pairs, [2]int{-1, now[j]})
			j++
		}
	}
	return append(pairs, rest(before[i:], now[j:])...)
}

func (d *difference) alignByPlace(before, now []int) (pairs [][2]int) {
	i := 0
	for i < len(before) && i < len(now) && d.likeness(before[i], now[i]) > 0 {
		pairs = append(pairs, [2]int{before[i], now[i]})
		i++
	}
	return append(pairs, rest(before[i:], now[i:])...)
}

func rest(before, now []int) (pairs [][2]int) {
	for _, i := range before {
		pairs = append(pairs, [2]int{i, -1})
	}
	for _, j := range now {
		pairs = append(pairs, [2]int{-1, j})
	}
	return pairs
}

// likeness says how sure it is that two elements are the same one: 0 when they
// are not.
func (d *difference) likeness(i, j int) int {
	a, b := d.before.at(i), d.now.at(j)
	switch {
	case a.Tag != b.Tag || a.ID != b.ID:
		return 0
	case d.before.sums[i] == d.now.sums[j]:
		return 8
	case a.ID != "":
		return 7
	case a.Text != "" && a.Text == b.Text || a.Name != "" && a.Name == b.Name:
		return 6
	case a.Path == b.Path && a.Role == b.Role:
		return 3
	case a.Role == b.Role:
		return 2
	}
	return 1
}
