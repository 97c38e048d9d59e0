package telemetry

// Metrics of the harness. Those that start with probe_ follow the blackbox
// exporter, so that dashboards and rules made for it work here.
const (
	MetricProbeSuccess      = "probe_success"
	MetricProbeDuration     = "probe_duration_seconds"
	MetricProbeHTTPDuration = "probe_http_duration_seconds"
	MetricProbeCertExpiry   = "probe_ssl_earliest_cert_expiry"
	MetricProbeRuns         = "tocsin_probe_runs_total"
	MetricProbeLastRun      = "tocsin_probe_last_run_timestamp_seconds"
	MetricMissedRuns        = "tocsin_missed_runs_total"
	MetricUnknownRuns       = "tocsin_unknown_runs_total"
	MetricStartDelay        = "tocsin_start_delay_seconds"
	MetricRunsUnderWay      = "tocsin_runs_under_way"
	MetricReloadSuccessful  = "tocsin_config_last_reload_successful"
	MetricReloadTime        = "tocsin_config_last_reload_success_timestamp_seconds"
	MetricJournalAppends    = "tocsin_journal_appends_total"
	MetricJournalErrors     = "tocsin_journal_errors_total"
	MetricJournalQueue      = "tocsin_journal_queue_length"
	MetricJournalDuration   = "tocsin_journal_append_duration_seconds"
	MetricHeartbeatLast     = "tocsin_heartbeat_last_timestamp_seconds"
	MetricHeartbeatDeadline = "tocsin_heartbeat_deadline_timestamp_seconds"
	MetricHeartbeatDuration = "tocsin_heartbeat_duration_seconds"
	MetricMaintenance       = "tocsin_maintenance_active"
	MetricPagerReceipts     = "tocsin_pager_receipts_total"
	MetricTracesDropped     = "tocsin_traces_dropped_total"
	MetricTracesFailed      = "tocsin_traces_failed_total"
	MetricBuildInfo         = "tocsin_build_info"
)

// Labels of those metrics.
const (
	LabelProbe   = "probe"
	LabelVerdict = "verdict"
	LabelReason  = "reason"
	LabelPhase   = "phase"
	LabelStep    = "step"
	LabelTarget  = "target"
	LabelVersion = "version"
	// ExemplarTraceID is the exemplar label that Grafana links to a trace.
	ExemplarTraceID = "trace_id"
)

// Phases of an HTTP exchange, as values of LabelPhase. They are the blackbox
// exporter's words for them.
const (
	PhaseResolve    = "resolve"
	PhaseConnect    = "connect"
	PhaseTLS        = "tls"
	PhaseProcessing = "processing"
	PhaseTransfer   = "transfer"
)
