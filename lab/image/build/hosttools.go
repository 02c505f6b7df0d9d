package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// aptLock serializes package installations of a process; apt's own lock makes a second installation fail.
type aptLock struct{ sync.Mutex }

// Tool is a program or library of this machine, needed by builds, with its Debian packages.
type Tool struct {
	What     string
	Probe    []string // a command that succeeds if the tool is present
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

// need makes sure that tools are present. As root on Debian or a derivative, need installs missing tools; elsewhere the
// error names the packages to install.
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
		return fmt.Errorf("building images needs %s, not found on the path; install %[1]s", what)
	}
	install := "apt-get install -y --no-install-recommends " + strings.Join(packages, " ")
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return fmt.Errorf("building images needs %s; on Debian, install as root by: %s", what, install)
	}
	if err := run(aptCommand(ctx, install)); err != nil {
		// Outdated package lists name files that are gone.
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
