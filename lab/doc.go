// Package lab is the façade: it brings labs up from scenarios, finds them again by their labels,
// says how they are, and takes them down. A lab is made by walking the plan's steps (see steps.go);
// all that is known of a running one is in the labels of its networks and containers.
package lab
