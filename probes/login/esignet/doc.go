// Package esignet is the login driver for MOSIP eSignet: it speaks the REST
// interface that eSignet's own pages use, step by step, with its envelope, its
// CSRF token and the headers that bind the steps to each other. It knows
// nothing of the pages.
package esignet
