package main

import "skidpad.dev/skidpad/lab/image"

// policyFlag is --images.
type policyFlag struct{ image.Policy }

// String, Set and Type make a policy a flag that refuses any other value.
func (p *policyFlag) String() string { return string(p.Policy) }
func (p *policyFlag) Type() string   { return "policy" }
func (p *policyFlag) Set(s string) (err error) {
	p.Policy, err = image.ParsePolicy(s)
	return err
}
