// Package node is the leaf that defines a node: anything that can execute a command.
package node

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// Kind is a node's purpose.
type Kind string

// The kinds of node.
const (
	KindCluster Kind = "node"
	KindRouter  Kind = "router"
	KindGateway Kind = "gateway"
	KindClient  Kind = "client"
	KindPod     Kind = "pod"
	// KindContainer is a container of the user's image. KindNamespace holds the network namespace of such a container, and is
	// no place of the lab.
	KindContainer Kind = "container"
	KindNamespace Kind = "namespace"
	// KindDatastore is the cluster's state store, if the store is not a node of the cluster.
	KindDatastore Kind = "datastore"
)

// Node is a place to execute commands in: a cluster node, a router, a gateway, a client, a container or a pod (the pod's
// network namespace, entered from the pod's node).
type Node interface {
	Name() string // the scenario's name: r1
	Kind() Kind
	// Exec runs a command to the end. A command that ran and failed gives an *ExitError.
	Exec(ctx context.Context, cmd ...string) (stdout []byte, err error)
	// ExecInput is Exec with standard input.
	ExecInput(ctx context.Context, stdin []byte, cmd ...string) (stdout []byte, err error)
}

// Streamer is a node that gives a command's output while the command runs.
type Streamer interface {
	// ExecTo is Exec and also copies standard output to w as the output arrives.
	ExecTo(ctx context.Context, w io.Writer, cmd ...string) (stdout []byte, err error)
}

// ExitError reports a command that ran and returned a code other than 0.
type ExitError struct {
	Node   string
	Cmd    []string
	Code   int
	Stderr string
}

// Error names the node and the failed command, with the exit code and the standard error output.
func (e *ExitError) Error() string {
	msg := strings.TrimSpace(e.Stderr)
	if msg == "" {
		msg = "it wrote nothing to standard error"
	}
	return fmt.Sprintf("%s: %s: exit code %d: %s", e.Node, strings.Join(e.Cmd, " "), e.Code, msg)
}
