package baseline

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// historyFolder holds an object for each decision. One object for all, replaced
	// if it still is what was read, would lose decisions in a store whose reads
	// and conditions are not of one piece, and some are not.
	historyFolder = "/history/"
	// timeInKey sorts as time does.
	timeInKey = "20060102T150405.000000000Z"
	// mostPages of a listing, with up to a thousand decisions each.
	mostPages = 100
	// together are read at the same time.
	together = 8
)

func (b *bucket) add(ctx context.Context, folder string, decision []byte, at time.Time) error {
	return b.write(ctx, folder+historyFolder+at.UTC().Format(timeInKey)+"-"+rand.Text()+".json", decision, anyVersion)
}

func (b *bucket) added(ctx context.Context, folder string) ([]entry, error) {
	names, err := b.list(ctx, folder+historyFolder)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", b.where(folder+historyFolder), err)
	}
	all := make([]entry, len(names))
	reads, ctx := errgroup.WithContext(ctx)
	reads.SetLimit(together)
	for i, name := range names {
		reads.Go(func() error {
			content, _, err := b.read(ctx, name)
			all[i] = entry{where: b.where(name), content: content}
			return err
		})
	}
	return all, reads.Wait()
}

// listing is what a store answers to a question for names.
type listing struct {
	XMLName  xml.Name `xml:"ListBucketResult"`
	Contents []struct {
		Key string `xml:"Key"`
	} `xml:"Contents"`
	IsTruncated           bool   `xml:"IsTruncated"`
	NextContinuationToken string `xml:"NextContinuationToken"`
}

// list returns the names of all files below a folder, in their order.
func (b *bucket) list(ctx context.Context, folder string) ([]string, error) {
	query := url.Values{"list-type": {"2"}, "prefix": {b.prefix + folder}}
	var names []string
	for range mostPages {
		answer, err := b.ask(ctx, request{method: http.MethodGet, query: query, repeatable: true})
		if err != nil {
			return nil, err
		}
		if answer.status != http.StatusOK {
			return nil, b.refusal(answer)
		}
		var page listing
		if err := xml.Unmarshal(answer.content, &page); err != nil {
			return nil, fmt.Errorf("%s does not answer as an object store does: check AWS_ENDPOINT_URL: %w", b.endpoint, err)
		}
		for _, object := range page.Contents {
			name, below := strings.CutPrefix(object.Key, b.prefix)
			if !below || !strings.HasPrefix(name, folder) {
				return nil, fmt.Errorf("%s lists an object that was not asked for", b.endpoint)
			}
			names = append(names, name)
		}
		if !page.IsTruncated {
			slices.Sort(names)
			return names, nil
		}
		query.Set("continuation-token", page.NextContinuationToken)
	}
	return nil, errors.New("there are more decisions than can be read")
}
