// Package pod runs one component as the first process of its own PID, mount and
// IPC namespaces inside its network namespace, restarts it with back-off, and
// kills, holds or freezes it on demand. When the first process dies, the kernel
// ends everything it started: no child outlives its pod.
package pod
