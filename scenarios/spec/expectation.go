package spec

import (
	"reflect"
	"time"
)

// Expectation is one line of the verdict. Exactly one of its kinds is set.
type Expectation struct {
	Name          string         `yaml:"name" doc:"the line of the verdict"`
	FailedLogins  *Count         `yaml:"failedLogins" doc:"logins that gave up"`
	LongestWait   *Wait          `yaml:"longestWait" doc:"time from the first click to the answer, retries included"`
	ErrorFree     *ErrorFree     `yaml:"errorFree" doc:"no attempt of any login meets an error any more"`
	DeliveredRate *DeliveredRate `yaml:"deliveredRate" doc:"share of the asked load that was really there"`
	Lies          *Count         `yaml:"lies" doc:"protocol verdicts against valid input"`
	WriteGap      *Wait          `yaml:"writeGap" doc:"longest time without an acknowledged write"`
	Ledger        *Ledger        `yaml:"ledger" doc:"acknowledged writes, read back after recovery"`
	Alert         *Alert         `yaml:"alert" doc:"who was woken"`
	FaultInForce  *FaultInForce  `yaml:"faultInForce" doc:"proof that the fault was really there"`
	Recovered     *Recovered     `yaml:"recovered" doc:"probes that are good again without anybody's help"`
}

// Count bounds a number of logins. Without Samples logins it is unknown.
type Count struct {
	AtMost  int `yaml:"atMost" doc:"highest good number"`
	Samples int `yaml:"samples" doc:"fewest logins that say anything"`
}

// Wait bounds a time.
type Wait struct {
	AtMost  time.Duration `yaml:"atMost" doc:"longest good time"`
	Samples int           `yaml:"samples" doc:"fewest logins that say anything"`
}

// ErrorFree bounds how long errors last after the fault, and after its revert.
type ErrorFree struct {
	Within  time.Duration `yaml:"within" doc:"time from the fault"`
	Samples int           `yaml:"samples" doc:"fewest logins, started after that time and before the revert, that say anything"`
}

// DeliveredRate bounds the share of the asked rate.
type DeliveredRate struct {
	AtLeast float64 `yaml:"atLeast" doc:"share from 0 to 1"`
}

// Ledger bounds what may happen to acknowledged writes.
type Ledger struct {
	Lost    int           `yaml:"lost" doc:"highest good number of lost consents"`
	Doubled int           `yaml:"doubled" doc:"highest good number of codes accepted twice"`
	Entries int           `yaml:"entries" doc:"fewest entries that say anything"`
	Within  time.Duration `yaml:"within" doc:"time for the audit; 1m if not given"`
}

// Alert must reach the pager.
type Alert struct {
	Name     string            `yaml:"name" doc:"alertname"`
	Severity string            `yaml:"severity" doc:"severity it must have"`
	Labels   map[string]string `yaml:"labels" doc:"labels it must have"`
	Runbook  bool              `yaml:"runbook" doc:"it must name a runbook"`
	Within   time.Duration     `yaml:"within" doc:"time from the fault to the receipt"`
	// Only names a label: an alert that has it with another value than Labels
	// asks for has woken the wrong person.
	Only string `yaml:"only" doc:"label that no other alert may have with another value"`
}

// FaultInForce is seen from outside: some probes fail while others pass.
type FaultInForce struct {
	Failing []string      `yaml:"failing" doc:"probes that must fail"`
	Passing []string      `yaml:"passing" doc:"probes, or patterns, that must pass meanwhile; those of failing are left out"`
	Within  time.Duration `yaml:"within" doc:"time from the fault"`
}

// Recovered is seen from outside: probes pass again.
type Recovered struct {
	Probes []string      `yaml:"probes" doc:"probes, or patterns, that must pass"`
	InARow int           `yaml:"inARow" doc:"how often in a row; 2 if not given"`
	Within time.Duration `yaml:"within" doc:"time from the revert"`
}

// kindsOf lists the YAML keys of the pointers in value that are set, and of all.
func kindsOf(value any) (set, all []string) {
	structure := reflect.ValueOf(value)
	for index := range structure.NumField() {
		if structure.Field(index).Kind() != reflect.Pointer {
			continue
		}
		key := structure.Type().Field(index).Tag.Get("yaml")
		all = append(all, key)
		if !structure.Field(index).IsNil() {
			set = append(set, key)
		}
	}
	return set, all
}
