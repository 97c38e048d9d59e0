// Package keys owns who may speak to the central Tocsin: a certificate
// authority of its own in one folder, the certificate that the central shows,
// and one for each checkpoint that is enrolled. A checkpoint is admitted while
// its certificate lies in the folder; taking the file away shuts it out.
package keys
