// Package rooms keeps docs/architecture.md true: its test compares the table of
// packages there with what the packages import. It has no code, and nobody
// imports it.
package rooms
