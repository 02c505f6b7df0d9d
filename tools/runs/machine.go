package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// machine is how the machine was during a run.
type machine struct {
	Speed     speed      `json:"speed"`     // before the run, beside nothing of ours
	Slowness  float64    `json:"slowness"`  // of the speed
	LoadBegin float64    `json:"loadBegin"` // processes that run or wait for the disk, the mean of a minute
	LoadEnd   float64    `json:"loadEnd"`
	Steal     float64    `json:"steal"` // percent of the processors' time that the hypervisor took
	began     [2]float64 // stolen and all time
}

// begin measures the machine. Where /proc is not Linux's, load and steal stay 0.
func begin() *machine {
	s := measure()
	return &machine{Speed: s, Slowness: s.slowness(), LoadBegin: loadNow("/proc/loadavg"), began: stolen("/proc/stat")}
}

func (m *machine) end() {
	m.LoadEnd = loadNow("/proc/loadavg")
	now := stolen("/proc/stat")
	if all := now[1] - m.began[1]; all > 0 {
		m.Steal = 100 * (now[0] - m.began[0]) / all
	}
}

func (m *machine) String() string {
	return fmt.Sprintf("slowness %.2f, load %.1f to %.1f, steal %.1f %%", m.Slowness, m.LoadBegin, m.LoadEnd, m.Steal)
}

// loadNow reads the first number of /proc/loadavg (proc_loadavg(5)).
func loadNow(path string) float64 {
	text, _ := os.ReadFile(path)
	first, _, _ := strings.Cut(string(text), " ")
	load, _ := strconv.ParseFloat(first, 64)
	return load
}

// stolen reads the processors' stolen time and all their time from the first line of /proc/stat (proc_stat(5)): user nice system
// idle iowait irq softirq steal, and guests' times, which user and nice have in them.
func stolen(path string) (times [2]float64) {
	text, _ := os.ReadFile(path)
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	for i, f := range fields {
		n, err := strconv.ParseFloat(f, 64)
		if err != nil || i > 8 {
			continue
		}
		times[1] += n
		if i == 8 {
			times[0] = n
		}
	}
	return times
}
