package bringup

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// planLabel is the label with the lab's record on each of the lab's networks. With the record, any process finds the lab
// without the scenario file.
const planLabel = "dev.skidpad.plan"

// maxPlan bounds the JSON in a label, in bytes. The plan of a lab with hundreds of routers needs a tenth.
const maxPlan = 16 << 20

// kept is the record on a lab's networks.
type kept struct {
	Plan   *plan.Plan                `json:"plan"`
	Images map[string]image.Resolved `json:"images"`
	// Missing are the parts of the plan left out, and the reasons.
	Missing map[string]string `json:"missing,omitempty"`
}

// encode packs a record into a label's value: JSON, gzip, base64.
func encode(k kept) (string, error) {
	raw, err := json.Marshal(k)
	if err != nil {
		return "", fmt.Errorf("lab bug: plan of %s cannot be written: %w", k.Plan.Lab, err)
	}
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(raw); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(buf.Bytes()), nil
}

// decode is the inverse of encode.
func decode(label string, kinds scenario.Kinds) (k kept, err error) {
	packed, err := base64.StdEncoding.DecodeString(label)
	if err != nil {
		return k, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return k, err
	}
	raw, err := io.ReadAll(io.LimitReader(z, maxPlan+1))
	if err != nil {
		return k, err
	}
	if len(raw) > maxPlan {
		return k, fmt.Errorf("it unpacks to more than %d MiB", maxPlan>>20)
	}
	return read(raw, kinds)
}

// read reads the JSON in a label.
func read(raw []byte, kinds scenario.Kinds) (k kept, err error) {
	if err := json.Unmarshal(raw, &k); err != nil {
		return k, err
	}
	if k.Plan == nil {
		return k, errors.New("there is no plan in it")
	}
	if k.Plan.Found != nil {
		if err := k.Plan.Found.Facts.Bind(kinds); err != nil {
			return k, err
		}
	}
	if k.Plan.Scenario != nil {
		return k, k.Plan.Scenario.Bind(kinds)
	}
	return k, nil
}

// Find reads the plan from the lab's record or networks. Find returns nil if the lab has neither.
func Find(ctx context.Context, eng *docker.Engine, name string, kinds scenario.Kinds) (*live.Lab, error) {
	networks, err := eng.Networks(ctx, name)
	if err != nil {
		return nil, err
	}
	amended, err := eng.Record(ctx, name)
	if err != nil {
		return nil, err
	}
	label, where := amended[planLabel], "in the record"
	for _, n := range networks {
		if label == "" && n.Labels[planLabel] != "" {
			label, where = n.Labels[planLabel], "on network "+n.Name
		}
	}
	if label != "" {
		k, err := decode(label, kinds)
		if err != nil {
			return nil, fmt.Errorf("lab %s: the plan %s cannot be read: %w; remove the lab with `skidpad down --name %s`", name, where, err, name)
		}
		return live.New(eng, k.Plan, k.Images, k.Missing), nil
	}
	containers, err := eng.Containers(ctx, name)
	if err != nil || len(containers) == 0 {
		return nil, err
	}
	return nil, fmt.Errorf("lab %s: %d containers but no network with its plan are there; remove them with `skidpad down --name %s`", name, len(containers), name)
}
