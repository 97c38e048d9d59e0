// Package grpccheck owns the gRPC probe: one call of Check of the health service
// that gRPC defines (grpc.health.v1), over a connection of its own, and what is
// promised about the answer. It calls no other method.
package grpccheck
