// Package lab is the entry point: the package brings labs up from scenarios, finds labs by their labels, and takes labs
// down. Package bringup walks the plan's steps; package live is the running lab. The labels of a lab's networks and
// containers hold the complete record of the lab.
package lab
