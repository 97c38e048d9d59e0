package tracing

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"time"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/probes"
)

// spans renders a run; nil for one without a trace, such as a missed one. Ids
// of the run and its steps follow from the run, so that a run that is sent
// twice is the same trace.
func spans(result probes.Result) *trace.ResourceSpans {
	traceID, err := hex.DecodeString(result.TraceID)
	if err != nil || len(traceID) != 16 {
		return nil
	}
	root := derived(result.RunID, "")
	whole := &trace.Span{
		TraceId: traceID, SpanId: root, Name: "probe " + result.Probe, Kind: trace.Span_SPAN_KIND_INTERNAL,
		StartTimeUnixNano: nanos(result.Started), EndTimeUnixNano: nanos(after(result.Started, result.MS)),
		Status: status(result.Verdict == verdict.Fail, result.Detail),
		Attributes: []*common.KeyValue{
			text("tocsin.probe", result.Probe), text("tocsin.run_id", result.RunID), text("tocsin.verdict", string(result.Verdict)),
			text("tocsin.reason", string(result.Reason)), text("tocsin.failed_step", result.FailedStep),
			text("tocsin.checkpoint", result.Checkpoint), number("tocsin.attempts", int64(result.Attempts)),
		},
	}
	all := []*trace.Span{whole}
	for index, step := range result.Steps {
		if step.Started.IsZero() {
			continue // of a checkpoint, which has sent its spans itself
		}
		own := derived(result.RunID, string(rune('a'+index))+step.Name)
		all = append(all, &trace.Span{
			TraceId: traceID, SpanId: own, ParentSpanId: root, Name: step.Name, Kind: trace.Span_SPAN_KIND_INTERNAL,
			StartTimeUnixNano: nanos(step.Started), EndTimeUnixNano: nanos(after(step.Started, step.MS)),
			Status: status(step.Error != "", step.Error),
		})
		all = append(all, exchanges(traceID, own, step)...)
	}
	return &trace.ResourceSpans{
		Resource: &resource.Resource{Attributes: []*common.KeyValue{
			text("service.name", "tocsin"), text("service.version", telemetry.Version), text("tocsin.target", result.Target),
		}},
		ScopeSpans: []*trace.ScopeSpans{{Scope: &common.InstrumentationScope{Name: "tocsin/probes", Version: telemetry.Version}, Spans: all}},
	}
}

// exchanges are the client side of what the target sees: their span ids went
// out in its traceparent. Attributes are those of the semantic conventions for
// HTTP.
func exchanges(traceID, parent []byte, step probes.Step) []*trace.Span {
	var all []*trace.Span
	for _, hop := range step.Hops {
		id, err := hex.DecodeString(hop.SpanID)
		if err != nil || len(id) != 8 {
			continue
		}
		all = append(all, &trace.Span{
			TraceId: traceID, SpanId: id, ParentSpanId: parent, Name: hop.Method, Kind: trace.Span_SPAN_KIND_CLIENT,
			StartTimeUnixNano: nanos(hop.Started), EndTimeUnixNano: nanos(after(hop.Started, hop.MS)),
			Status: status(hop.Status == 0 || hop.Status >= 500, ""),
			Attributes: []*common.KeyValue{
				text("http.request.method", hop.Method), text("url.full", hop.URL), number("http.response.status_code", int64(hop.Status)),
			},
		})
	}
	return all
}

// derived is a span id that follows from what it is for.
func derived(runID, part string) []byte {
	hash := fnv.New64a()
	// Write of a hash never returns an error.
	hash.Write([]byte(runID + "\x00" + part))
	return binary.BigEndian.AppendUint64(nil, hash.Sum64()|1) // all zero is no id
}

func after(started time.Time, ms float64) time.Time {
	return started.Add(time.Duration(ms * float64(time.Millisecond)))
}

func nanos(at time.Time) uint64 { return uint64(max(at.UnixNano(), 0)) }

func status(failed bool, message string) *trace.Status {
	if !failed {
		return &trace.Status{}
	}
	return &trace.Status{Code: trace.Status_STATUS_CODE_ERROR, Message: message}
}

func text(key, value string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}}
}

func number(key string, value int64) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: value}}}
}
