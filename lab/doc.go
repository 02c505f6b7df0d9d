// Package lab is the door: it brings labs up from scenarios, finds them again by their labels, and takes them down. Package
// bringup walks the plan's steps; package live is the lab that runs. The labels of a lab's networks and containers hold
// all that is known of the lab.
package lab
