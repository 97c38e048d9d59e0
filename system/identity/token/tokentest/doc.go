// Package tokentest holds what tests of the token endpoint and of its
// neighbours share: clients that sign, marks kept in memory, and token keys
// without an HSM.
package tokentest
