package parts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"tocsin/scenarios/engine"
)

// maxAnswer bounds what is read of Prometheus' answer, in bytes.
const maxAnswer = 4 << 20

// Querier asks a Prometheus.
type Querier struct {
	address string
	client  *http.Client
}

// NewQuerier returns a querier for the Prometheus at address; an empty address
// makes every query fail, which is unknown.
func NewQuerier(address string, client *http.Client) *Querier {
	return &Querier{address: strings.TrimSuffix(address, "/"), client: client}
}

// Query makes an instant query. A scalar is one sample without labels.
func (q *Querier) Query(ctx context.Context, query string) (samples []engine.Sample, err error) {
	if q.address == "" {
		return nil, errors.New("the target names no Prometheus (prometheus.url)")
	}
	form := url.Values{"query": {query}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, q.address+"/api/v1/query", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("query Prometheus: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := q.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("query Prometheus: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read answer of Prometheus: %w", err)
	}
	return parseAnswer(response.StatusCode, data)
}

// answer is the envelope of the HTTP API; a vector's samples and a scalar differ
// in shape.
type answer struct {
	Status string `json:"status"`
	Error  string `json:"error"`
	Data   struct {
		Type   string          `json:"resultType"`
		Result json.RawMessage `json:"result"`
	} `json:"data"`
}

func parseAnswer(status int, data []byte) ([]engine.Sample, error) {
	var got answer
	if err := json.Unmarshal(data, &got); err != nil {
		return nil, fmt.Errorf("query Prometheus: status %d and no JSON", status)
	}
	if got.Status != "success" {
		return nil, fmt.Errorf("query Prometheus: status %d: %s", status, got.Error)
	}
	switch got.Data.Type {
	case "vector":
		return parseVector(got.Data.Result)
	case "scalar":
		var value sampleValue
		if err := json.Unmarshal(got.Data.Result, &value); err != nil {
			return nil, fmt.Errorf("read scalar of Prometheus: %w", err)
		}
		return []engine.Sample{{Value: float64(value)}}, nil
	}
	return nil, fmt.Errorf("query Prometheus: the answer is a %s, not a vector or a scalar", got.Data.Type)
}

func parseVector(data []byte) ([]engine.Sample, error) {
	var series []struct {
		Metric map[string]string `json:"metric"`
		Value  sampleValue       `json:"value"`
	}
	if err := json.Unmarshal(data, &series); err != nil {
		return nil, fmt.Errorf("read vector of Prometheus: %w", err)
	}
	samples := make([]engine.Sample, 0, len(series))
	for _, one := range series {
		labels, err := json.Marshal(one.Metric)
		if err != nil {
			return nil, fmt.Errorf("read labels of Prometheus: %w", err)
		}
		samples = append(samples, engine.Sample{Labels: string(labels), Value: float64(one.Value)})
	}
	return samples, nil
}

// sampleValue is [ <unix time>, "<value>" ].
type sampleValue float64

// UnmarshalJSON reads the pair; NaN and Inf are text too.
func (v *sampleValue) UnmarshalJSON(data []byte) error {
	var pair [2]json.RawMessage
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	var text string
	if err := json.Unmarshal(pair[1], &text); err != nil {
		return err
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return err
	}
	*v = sampleValue(value)
	return nil
}
