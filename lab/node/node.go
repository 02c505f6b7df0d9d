// Package node is the leaf that says what a node is: anything one can execute a command in.
package node

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// Kind says what a node is for.
type Kind string

// The kinds of node.
const (
	KindCluster Kind = "node"
	KindRouter  Kind = "router"
	KindGateway Kind = "gateway"
	KindClient  Kind = "client"
	KindPod     Kind = "pod"
	// KindDatastore is what a cluster keeps its state in, where that is no node of it.
	KindDatastore Kind = "datastore"
)

// Node is a place to execute commands in: a cluster node, a router, a gateway, a client or
// a pod (its network namespace, from the node that it is on).
type Node interface {
	Name() string // the scenario's name: r1
	Kind() Kind
	// Exec runs a command to its end. A command that ran and failed is an *ExitError.
	Exec(ctx context.Context, cmd ...string) (stdout []byte, err error)
	// ExecInput is Exec with standard input.
	ExecInput(ctx context.Context, stdin []byte, cmd ...string) (stdout []byte, err error)
}

// Streamer is a node whose commands' output can be had while they run.
type Streamer interface {
	// ExecTo is Exec that gives standard output to w, too, as it comes.
	ExecTo(ctx context.Context, w io.Writer, cmd ...string) (stdout []byte, err error)
}

// ExitError is a command that ran and returned another code than 0.
type ExitError struct {
	Node   string
	Cmd    []string
	Code   int
	Stderr string
}

// Error says which command failed where, with its code and what it wrote to standard error.
func (e *ExitError) Error() string {
	msg := strings.TrimSpace(e.Stderr)
	if msg == "" {
		msg = "it wrote nothing to standard error"
	}
	return fmt.Sprintf("%s: %s: exit code %d: %s", e.Node, strings.Join(e.Cmd, " "), e.Code, msg)
}
