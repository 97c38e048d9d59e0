// Package conf reads the YAML configuration of the system's services strictly:
// an unknown key, a wrong type or a missing file is an error that says where.
// It knows nothing of what any service does with its configuration.
package conf
