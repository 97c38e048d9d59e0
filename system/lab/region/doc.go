// Package region is the first process inside the lab's namespaces: it lays the
// wires, writes the configurations, starts the pods in order of readiness, and
// keeps them. When it ends, the kernel ends all of the lab with it.
package region
