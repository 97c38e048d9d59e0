// Package redis keeps what a user can do again: login transactions, PIN
// attempts of each, and the marks of used client assertions. Redis may lose
// writes it acknowledged, so nothing that is promised to anybody is kept here;
// and "not found" is said only when Redis answered.
package redis
