// Package parts makes the parts of the scenario engine from a target file: it
// fits probes, visual checks, Prometheus, the pager's journal, the injector, k6
// and the audit to what the engine asks for. It holds no rules of its own.
package parts
