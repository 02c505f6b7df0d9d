package main

import (
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/loss"
)

func TestTable(t *testing.T) {
	const msec = int64(time.Millisecond)
	is := make([]truth, len(lengths()))
	var right, wrong loss.Summary
	at := int64(0)
	for i, length := range lengths() {
		at += int64(time.Second)
		is[i] = truth{at, at + int64(length)}
		right.Outages = append(right.Outages, loss.Outage{Start: at, End: at + int64(length) + 4*msec, Uncertainty: 2 * time.Millisecond})
		at += int64(length)
	}
	tab := newTable()
	tab.add(right, nil, is)
	if err := tab.verdict(); err != nil {
		t.Errorf("errors of 4 ms are accepted: %v", err)
	}
	wrong.Outages = append(wrong.Outages, right.Outages[1:]...)
	wrong.Outages[2].End += 20 * msec
	tab = newTable()
	tab.add(wrong, nil, is)
	err := tab.verdict()
	if err == nil || !strings.Contains(err.Error(), "outages of 20ms") || !strings.Contains(err.Error(), "outages of 1s") || strings.Contains(err.Error(), "of 250ms") {
		t.Errorf("one missed and one wrong by 24 ms: %v", err)
	}
}
