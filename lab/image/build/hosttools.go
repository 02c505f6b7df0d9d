package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// aptLock keeps package installations of one process apart; apt's own lock makes the second fail.
type aptLock struct{ sync.Mutex }

// Tool is a program or library of this machine that a build needs, with the Debian packages it is in.
type Tool struct {
	What     string
	Probe    []string // a command that succeeds where the tool is there
	Packages []string
}

func toolCC() Tool {
	return Tool{"a C compiler", []string{"cc", "--version"}, []string{"gcc", "libc6-dev"}}
}

func toolSeccomp() Tool {
	return Tool{"the libseccomp headers", []string{"pkg-config", "--exists", "libseccomp"}, []string{"libseccomp-dev", "pkg-config"}}
}

func toolDebootstrap() Tool {
	return Tool{"mmdebstrap", []string{"mmdebstrap", "--version"}, []string{"mmdebstrap", "debian-archive-keyring"}}
}

func toolGo() Tool {
	return Tool{"the go command", []string{"go", "version"}, nil}
}

// need makes sure that tools are there. As root on Debian and its kin it installs what is missing;
// elsewhere the error says what to install.
func (b *Builder) need(ctx context.Context, tools ...Tool) error {
	b.apt.Lock()
	defer b.apt.Unlock()
	var packages, missing []string
	for _, t := range tools {
		if exec.CommandContext(ctx, t.Probe[0], t.Probe[1:]...).Run() != nil {
			missing = append(missing, t.What)
			packages = append(packages, t.Packages...)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	what := strings.Join(missing, ", ")
	if len(packages) == 0 {
		return fmt.Errorf("building images needs %s, which is not on the path; install it", what)
	}
	install := "apt-get install -y --no-install-recommends " + strings.Join(packages, " ")
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return fmt.Errorf("building images needs %s; install it, on Debian as root by: %s", what, install)
	}
	if err := run(aptCommand(ctx, install)); err != nil {
		// Package lists that are out of date name files that are gone.
		if err := run(aptCommand(ctx, "apt-get update")); err != nil {
			return fmt.Errorf("building images needs %s: %w", what, err)
		}
		if err := run(aptCommand(ctx, install)); err != nil {
			return fmt.Errorf("building images needs %s: %w", what, err)
		}
	}
	return nil
}

func aptCommand(ctx context.Context, line string) *exec.Cmd {
	fields := strings.Fields(line)
	cmd := exec.CommandContext(ctx, fields[0], fields[1:]...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	return cmd
}
