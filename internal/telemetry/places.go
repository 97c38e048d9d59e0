package telemetry

// Metrics of checkpoints, and of what they agree on.
const (
	MetricCheckpointLastSeen = "tocsin_checkpoint_last_seen_timestamp_seconds"
	MetricCheckpointBuffered = "tocsin_checkpoint_buffered_results"
	MetricCheckpointOffset   = "tocsin_checkpoint_clock_offset_seconds"
	MetricCheckpointDropped  = "tocsin_checkpoint_dropped_results"
	MetricCheckpointDrift    = "tocsin_checkpoint_plan_drift"
	MetricCheckpointResults  = "tocsin_checkpoint_results_total"
	MetricCheckpointAlone    = "tocsin_checkpoint_alone"
	MetricOutage             = "tocsin_outage"
	MetricQuorumVoters       = "tocsin_quorum_voters"
	MetricQuorumDecided      = "tocsin_quorum_decided"
)

// Labels of those metrics.
const (
	LabelCheckpoint = "checkpoint"
	LabelVote       = "vote"
)

// Metrics of visual checks.
const (
	MetricVisualSuccess  = "visual_check_success"
	MetricVisualRatio    = "visual_difference_ratio"
	MetricVisualPixels   = "visual_changed_pixels"
	MetricVisualBarriers = "visual_accessibility_new_findings"
	MetricVisualLast     = "visual_last_check_timestamp_seconds"
	MetricVisualApproved = "visual_baseline_timestamp_seconds"
	MetricVisualCapture  = "visual_capture_duration_seconds"
)

// LabelCheck is a label of those metrics.
const LabelCheck = "check"
