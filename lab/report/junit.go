package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"time"

	"skidpad.dev/skidpad/lab/check"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name      string       `xml:"name,attr"`
	Classname string       `xml:"classname,attr"`
	Time      string       `xml:"time,attr"`
	Failure   *junitReason `xml:"failure,omitempty"`
	Error     *junitReason `xml:"error,omitempty"`
	Skipped   *junitReason `xml:"skipped,omitempty"`
	Output    string       `xml:"system-out,omitempty"`
}

type junitReason struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes a test suite for each scenario and a test case for each check. An unknown verdict is an error in JUnit,
// because CI servers distinguish a failed test from a test that could not run. A skipped scenario has one case, with
// the reason.
func JUnit(w io.Writer, runs []Run) error {
	var all junitSuites
	for _, r := range runs {
		suite := junitOf(r)
		all.Tests += suite.Tests
		all.Failures += suite.Failures
		all.Errors += suite.Errors
		all.Skipped += suite.Skipped
		all.Suites = append(all.Suites, suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func junitOf(r Run) junitSuite {
	suite := junitSuite{Name: r.Scenario, Time: seconds(r.Duration), Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05")}
	if r.Skipped != "" {
		suite.Cases = append(suite.Cases, junitCase{Name: "scenario", Classname: r.Scenario, Time: seconds(0), Skipped: &junitReason{Message: r.Skipped}})
		suite.Skipped++
	}
	for _, c := range r.Checks {
		item := junitCase{Name: c.Name, Classname: r.Scenario, Time: seconds(c.Duration), Output: details(c, true)}
		reason := &junitReason{Message: c.Observed, Text: fmt.Sprintf("expected: %s\nobserved: %s\n", c.Expected, c.Observed)}
		switch c.Verdict {
		case check.Held:
		case check.Failed:
			item.Failure = reason
			suite.Failures++
		case check.Skipped:
			item.Skipped = &junitReason{Message: c.Observed}
			suite.Skipped++
		default:
			item.Error = reason
			suite.Errors++
		}
		suite.Cases = append(suite.Cases, item)
	}
	suite.Tests = len(suite.Cases)
	return suite
}

// seconds formats a duration for JUnit.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
