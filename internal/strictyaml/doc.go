// Package strictyaml owns how every YAML file of Tocsin is read: one document,
// no unknown or repeated key, no value of another type, no anchors, and an
// error that names file, line, column, key and the nearest right key. It knows
// nothing of what the files mean; packages that do report their own findings
// at the right line through Document.Problem.
package strictyaml
