// Package storetest is the contract of the stores as tests. Every
// implementation runs them on the real thing; two values of the same store
// stand for two zones.
package storetest
