// Package lab is the reference system on one machine: three zones, each a
// network namespace, in a region that vanishes with the process that made it.
//
// The packages below it each own one noun: topology (what is where), pki (who
// may speak to whom), netns (wires), pod (one supervised process in its own
// namespaces), parts (what every component is and how it is asked for its
// health), fault (what is broken and until when), control (the socket that
// people and the harness talk to), region (the first process inside), host (the
// process outside). The lab knows nothing of the harness that tests it.
package lab
