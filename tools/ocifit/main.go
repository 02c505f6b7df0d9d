// Ocifit is an OCI runtime in front of runc for hosts that cannot grant every capability, for example virtual machines
// and sandboxes without CAP_SYS_RESOURCE in the bounding set. For a privileged container, engines before Docker 28
// request all capabilities known to the kernel, and runc then fails with "unable to apply caps: operation not
// permitted".
//
// Ocifit takes runc's command line, drops from the bundle's config.json (create, run) and from the process.json (exec
// --process) the capabilities outside of ocifit's own bounding set, and becomes runc. Ocifit changes nothing else, and
// changes nothing at all on a host that can grant every requested capability.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"skidpad.dev/skidpad/lab/host/caps"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ocifit:", err)
		os.Exit(1)
	}
}

// run fits the file named by the command line, if any, and becomes runc. run returns only on failure.
func run(args []string) error {
	if path, isConfig := specFile(args); path != "" {
		granted, err := caps.OfProcess("self")
		if err != nil {
			return err
		}
		if err := fitFile(path, isConfig, granted); err != nil {
			return err
		}
	}
	runc, err := findRunc()
	if err != nil {
		return err
	}
	return syscall.Exec(runc, append([]string{runc}, args...), os.Environ())
}

// findRunc looks in PATH and then in the usual folders of distributions, because an engine may be started with a PATH
// without the sbin folders.
func findRunc() (string, error) {
	if path, err := exec.LookPath("runc"); err == nil {
		return filepath.Abs(path)
	}
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/sbin"} {
		path := filepath.Join(dir, "runc")
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", errors.New("no runc in PATH or the usual folders; install it: apt-get install runc")
}
