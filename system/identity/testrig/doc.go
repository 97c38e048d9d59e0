// Package testrig starts the real parts that the provider stands on, on
// loopback, for tests: PostgreSQL, etcd, Redis with Sentinel, and an HSM node
// over SoftHSM, all with mutual TLS by a CA of its own. Each can be killed,
// frozen and brought back. Everything ends with the test process.
package testrig
