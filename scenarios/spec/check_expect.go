package spec

import "fmt"

// expectation demands what keeps it from passing without evidence: bounds,
// deadlines and a least number of samples.
func (c *checker) expectation(key string, e Expectation) {
	c.text(key+".name", e.Name)
	c.one(key, e)
	c.loadExpectation(key, e)
	switch {
	case e.Ledger != nil:
		c.samples(key+".ledger.entries", e.Ledger.Entries)
		c.between(key+".ledger.lost", float64(e.Ledger.Lost), 0, 1e9)
		c.between(key+".ledger.doubled", float64(e.Ledger.Doubled), 0, 1e9)
	case e.Alert != nil:
		c.text(key+".alert.name", e.Alert.Name)
		c.positive(key+".alert.within", e.Alert.Within)
		if only := e.Alert.Only; only != "" && e.Alert.Labels[only] == "" {
			c.report(key+".alert.only", fmt.Sprintf("label %q has no value in labels", only), "")
		}
	case e.FaultInForce != nil:
		c.patterns(key+".faultInForce.failing", e.FaultInForce.Failing)
		c.patterns(key+".faultInForce.passing", e.FaultInForce.Passing)
		c.positive(key+".faultInForce.within", e.FaultInForce.Within)
	case e.Recovered != nil:
		c.patterns(key+".recovered.probes", e.Recovered.Probes)
		c.positive(key+".recovered.within", e.Recovered.Within)
		c.between(key+".recovered.inARow", float64(e.Recovered.InARow), 0, 100)
	}
}

func (c *checker) loadExpectation(key string, e Expectation) {
	switch {
	case e.FailedLogins != nil:
		c.count(key+".failedLogins", *e.FailedLogins)
	case e.Lies != nil:
		c.count(key+".lies", *e.Lies)
	case e.LongestWait != nil:
		c.wait(key+".longestWait", *e.LongestWait)
	case e.WriteGap != nil:
		c.wait(key+".writeGap", *e.WriteGap)
	case e.ErrorFree != nil:
		c.positive(key+".errorFree.within", e.ErrorFree.Within)
		c.samples(key+".errorFree.samples", e.ErrorFree.Samples)
	case e.DeliveredRate != nil:
		c.between(key+".deliveredRate.atLeast", e.DeliveredRate.AtLeast, 0.01, 1)
	}
}

func (c *checker) count(key string, count Count) {
	c.between(key+".atMost", float64(count.AtMost), 0, 1e9)
	c.samples(key+".samples", count.Samples)
}

func (c *checker) wait(key string, wait Wait) {
	c.positive(key+".atMost", wait.AtMost)
	c.samples(key+".samples", wait.Samples)
}

func (c *checker) samples(key string, samples int) {
	if samples < 1 {
		c.report(key, "is missing: without a least number, no data would pass", "")
	}
}

func (c *checker) patterns(key string, patterns []string) {
	if len(patterns) == 0 {
		c.report(key, "is empty", "name a probe, or a pattern such as zone-*")
	}
	for i, pattern := range patterns {
		c.pattern(fmt.Sprintf("%s[%d]", key, i), pattern)
	}
}
