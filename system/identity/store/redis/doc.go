// Package redis keeps what can be made again: links between login pages and
// wallets, transactions of the eSignet surface, counts of attempts. Redis may
// lose writes it acknowledged, so nothing that is promised to anybody is kept
// here; and "not found" is said only when Redis answered.
package redis
