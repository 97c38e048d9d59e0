package history

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"tocsin/internal/verdict"
)

// A segment is blocks of runs of one series and hour that passed at once and
// share interval and maintenance. A block is its number of runs, interval in
// milliseconds, name of the window, milliseconds from the hour to its first run,
// the median bin of latencies, and the two Rice parameters; then, bit by bit, for
// each run how far it starts from one interval after the one before, and how far
// its latency is from the median.
const segmentVersion = 1

// mostRuns bounds what a damaged segment may promise. A schedule starts a probe
// at most once a second.
const mostRuns = 1 << 20

// encodeSegment encodes the runs of one series and hour.
func encodeSegment(runs []Run) []byte {
	runs = slices.Clone(runs)
	slices.SortStableFunc(runs, func(a, b Run) int {
		return cmp.Or(cmp.Compare(a.Maintenance, b.Maintenance), cmp.Compare(a.Interval, b.Interval), a.At.Compare(b.At))
	})
	data := []byte{segmentVersion}
	for from := 0; from < len(runs); {
		until := from + 1
		for until < len(runs) && runs[until].Maintenance == runs[from].Maintenance && runs[until].Interval == runs[from].Interval {
			until++
		}
		data = appendBlock(data, runs[from:until])
		from = until
	}
	return data
}

func appendBlock(data []byte, runs []Run) []byte {
	first := runs[0]
	interval := first.Interval.Milliseconds()
	starts := make([]uint64, len(runs))
	latencies := make([]int, len(runs))
	last := first.At.UnixMilli() - interval
	for index, run := range runs {
		at := run.At.UnixMilli()
		starts[index] = zigzag(at - last - interval)
		last = at
		latencies[index] = binOf(run.MS)
	}
	median := slices.Sorted(slices.Values(latencies))[len(runs)/2]
	distances := make([]uint64, len(runs))
	for index, bin := range latencies {
		distances[index] = zigzag(int64(bin - median))
	}
	startK, latencyK := riceParameter(starts), riceParameter(distances)
	data = binary.AppendUvarint(data, uint64(len(runs)))
	data = binary.AppendUvarint(data, uint64(interval))
	data = binary.AppendUvarint(data, uint64(len(first.Maintenance)))
	data = append(data, first.Maintenance...)
	data = binary.AppendUvarint(data, uint64(first.At.UnixMilli()-first.hour()*3_600_000))
	data = binary.AppendUvarint(data, uint64(median))
	data = append(data, byte(startK), byte(latencyK))
	var bits bitWriter
	for index := range runs {
		bits.rice(starts[index], startK)
		bits.rice(distances[index], latencyK)
	}
	return append(data, bits.bytes...)
}

// block is a decoded block of a segment.
type block struct {
	interval    time.Duration
	maintenance string
	starts      []int64
	bins        []int
}

// decodeSegment hands the blocks of a segment to use. A block is valid only
// until use returns.
func decodeSegment(hour int64, data []byte, use func(block)) error {
	if len(data) == 0 || data[0] != segmentVersion {
		return errors.New("segment is of a version that this program does not know")
	}
	data = data[1:]
	for len(data) > 0 {
		decoded, used, err := decodeBlock(hour, data)
		if err != nil {
			return err
		}
		use(decoded)
		data = data[used:]
	}
	return nil
}

func decodeBlock(hour int64, data []byte) (block, int, error) {
	header := headerReader{data: data}
	count := header.number(mostRuns)
	interval := header.number(1 << 40)
	maintenance := header.text()
	offset := header.number(3_600_000)
	median := header.number(maxBin)
	startK, latencyK := header.number(63), header.number(63)
	if header.failed || count == 0 {
		return block{}, 0, errCut
	}
	decoded := block{interval: time.Duration(interval) * time.Millisecond, maintenance: maintenance}
	if needed := int(count+3) / 4; len(data)-header.at < needed {
		return block{}, 0, errCut
	}
	decoded.starts, decoded.bins = make([]int64, count), make([]int, count)
	bits := bitReader{bytes: data[header.at:]}
	last := hour*3_600_000 + int64(offset) - int64(interval)
	for index := range decoded.starts {
		start, err := bits.rice(int(startK))
		if err != nil {
			return block{}, 0, err
		}
		distance, err := bits.rice(int(latencyK))
		if err != nil {
			return block{}, 0, err
		}
		last += int64(interval) + unzigzag(start)
		decoded.starts[index] = last
		decoded.bins[index] = min(max(int(median)+int(unzigzag(distance)), 0), maxBin)
	}
	return decoded, header.at + bits.bytesRead(), nil
}

// headerReader reads the plain part of a block and remembers if it failed.
type headerReader struct {
	data   []byte
	at     int
	failed bool
}

func (h *headerReader) number(most uint64) uint64 {
	value, used := binary.Uvarint(h.data[h.at:])
	if used <= 0 || value > most {
		h.failed = true
		return 0
	}
	h.at += used
	return value
}

func (h *headerReader) text() string {
	length := int(h.number(1 << 12))
	if h.failed || h.at+length > len(h.data) {
		h.failed = true
		return ""
	}
	text := string(h.data[h.at : h.at+length])
	h.at += length
	return text
}

// runs of a block, as far as they are still known.
func (b block) runs(series Series) []Run {
	all := make([]Run, len(b.starts))
	for index, start := range b.starts {
		all[index] = Run{
			Series: series, Verdict: verdict.Pass, Reason: verdict.OK, At: time.UnixMilli(start).UTC(), MS: msOf(b.bins[index]),
			Interval: b.interval, Times: 1, Maintenance: b.maintenance, Compacted: true,
		}
	}
	return all
}

// segmentRuns decodes all runs of a segment.
func segmentRuns(series Series, hour int64, data []byte) ([]Run, error) {
	var all []Run
	if err := decodeSegment(hour, data, func(b block) { all = append(all, b.runs(series)...) }); err != nil {
		return nil, fmt.Errorf("decode segment of %s: %w", series.Probe, err)
	}
	return all, nil
}
