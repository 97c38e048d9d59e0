// Package provider owns what a scenario itself needs of the target's OAuth
// endpoints: discovery, a token of its own, and presenting codes again. The
// journeys of people are the business of probes and of the load scripts.
package provider
