package counter

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/loss"
)

// apiServer stores all writes, except the writes chosen by forget: apiServer acknowledges and loses these. refuse lasts
// for a while.
type apiServer struct {
	mu             sync.Mutex
	kept           []corev1.ConfigMap
	forget, refuse func(n int) bool
	seen           int
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	var answer any
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/api/v1/namespaces":
		answer = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "skidpad-counter-1"}}
	case r.Method == http.MethodPost:
		var c corev1.ConfigMap
		_ = json.NewDecoder(r.Body).Decode(&c)
		s.seen++
		if s.refuse(s.seen) {
			http.Error(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":503}`, http.StatusServiceUnavailable)
			return
		}
		if !s.forget(s.seen) {
			s.kept = append(s.kept, c)
		}
		answer = &c
	case r.Method == http.MethodGet:
		answer = &corev1.ConfigMapList{Items: s.kept}
	default:
		answer = &metav1.Status{Status: metav1.StatusSuccess}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func count(t *testing.T, s *apiServer) *Counted {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	config := &rest.Config{Host: server.URL, QPS: -1, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	kube := &cluster.Kube{Config: config, Client: kubernetes.NewForConfigOrDie(config)}
	c, err := Start(context.Background(), kube, 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		s.mu.Lock()
		seen := s.seen
		s.mu.Unlock()
		if seen >= 20 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server saw %d writes in 10 s", seen)
		}
		<-time.After(time.Millisecond)
	}
	counted, err := c.Stop(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return counted
}

func never(int) bool { return false }

func TestNothingLost(t *testing.T) {
	c := count(t, &apiServer{forget: never, refuse: never})
	if len(c.Missing) != 0 || c.Acked < 20 || c.Unasked != 0 {
		t.Errorf("seen %d acknowledged, missing %v, %d unasked; wanted 20 or more and nothing else", c.Acked, c.Missing, c.Unasked)
	}
	if all := loss.OfRecording(c.Recording, loss.Options{MaxStall: time.Hour}); len(all) != 1 || len(all[0].Unknown) > 0 || all[0].Lost != 0 {
		t.Errorf("seen %+v, wanted a complete recording without loss", all)
	}
}

// A server that acknowledges without storing is detected.
func TestLostWriteIsMissing(t *testing.T) {
	c := count(t, &apiServer{forget: func(n int) bool { return n == 7 }, refuse: never})
	if len(c.Missing) != 1 {
		t.Errorf("seen missing %v, wanted one", c.Missing)
	}
}

func TestRefusedWritesAreAnOutageAndNotMissing(t *testing.T) {
	c := count(t, &apiServer{forget: never, refuse: func(n int) bool { return n >= 5 && n < 10 }})
	all := loss.OfRecording(c.Recording, loss.Options{MaxStall: time.Hour})
	if len(c.Missing) != 0 || len(all) != 1 || all[0].Lost != 5 || slices.ContainsFunc(all[0].Outages, func(o loss.Outage) bool { return o.OpenEnd }) {
		t.Errorf("seen missing %v and %+v, wanted 5 lost in an outage that ended", c.Missing, all)
	}
}
