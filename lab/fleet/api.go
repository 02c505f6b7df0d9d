package fleet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
)

// pods reads from the pods of a run.
type pods interface {
	logs(ctx context.Context, namespace, pod string) (io.ReadCloser, error)
	exec(ctx context.Context, namespace, pod string, out io.Writer, command ...string) error
}

// apiPods reads by the API.
type apiPods struct {
	config *rest.Config
	client kubernetes.Interface
}

func (a apiPods) logs(ctx context.Context, namespace, pod string) (io.ReadCloser, error) {
	return a.client.CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{Container: container, Follow: true}).Stream(ctx)
}

func (a apiPods) exec(ctx context.Context, namespace, pod string, out io.Writer, command ...string) error {
	request := a.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: container, Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	executor, err := remotecommand.NewWebSocketExecutor(a.config, "GET", request.URL().String())
	if err != nil {
		return err
	}
	var said bytes.Buffer
	if err := executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: out, Stderr: &said}); err != nil {
		return fmt.Errorf("pod %s: %s: %w: %s", pod, strings.Join(command, " "), err, said.String())
	}
	return nil
}

// Rights asks the API for the verbs that the kubeconfig's user lacks, and names all of them in the error.
func Rights(ctx context.Context, client kubernetes.Interface, namespace string) error {
	if _, err := client.Discovery().ServerVersion(); err != nil {
		return fmt.Errorf("the cluster's API does not answer: %w; want a running cluster (--kubeconfig, --context)", err)
	}
	var missing []string
	for _, r := range []struct{ group, resource, verbs string }{
		{"batch", "jobs", "create get delete"}, {"", "pods", "create get list delete"}, {"", "pods/log", "get"}, {"", "pods/exec", "get create"},
		{"", "configmaps", "create get update delete"}, {"coordination.k8s.io", "leases", "create get update delete"},
	} {
		resource, sub, _ := strings.Cut(r.resource, "/")
		for verb := range strings.FieldsSeq(r.verbs) {
			review, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
				Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
					Verb: verb, Group: r.group, Resource: resource, Subresource: sub, Namespace: namespace}},
			}, metav1.CreateOptions{})
			if err != nil {
				return fmt.Errorf("rights of the kubeconfig's user: %w", err)
			}
			if !review.Status.Allowed {
				missing = append(missing, verb+" "+r.resource)
			}
		}
	}
	review, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "list", Resource: "nodes"}},
	}, metav1.CreateOptions{})
	switch {
	case err != nil:
		return fmt.Errorf("rights of the kubeconfig's user: %w", err)
	case !review.Status.Allowed:
		missing = append(missing, "list nodes")
	}
	if len(missing) > 0 {
		return fmt.Errorf("namespace %s: seen a user who may not %s, want these verbs (`kubectl auth can-i --list -n %[1]s`)", namespace, strings.Join(missing, ", "))
	}
	return nil
}
