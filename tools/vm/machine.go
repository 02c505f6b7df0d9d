package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"skidpad.dev/skidpad/lab/system"
	"skidpad.dev/skidpad/lab/wait"
)

// bootWithin bounds the time from the start of QEMU until the engine answers. An emulated machine needs some minutes.
const bootWithin = 30 * time.Minute

// machine is the virtual machine of this user. The folder holds:
//
//	share/       read by the machine: key.pub, programs, images, files
//	key          the private key of share/key.pub
//	port, pid    SSH's port on loopback, and QEMU's process, of a running machine
//	console.log  the serial console
type machine struct{ dir string }

func machineHere() (machine, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return machine{}, fmt.Errorf("no cache folder: %w; set XDG_CACHE_HOME", err)
	}
	m := machine{filepath.Join(base, "skidpad", "vm")}
	return m, os.MkdirAll(m.file("share"), 0o755)
}

func (m machine) file(parts ...string) string {
	return filepath.Join(append([]string{m.dir}, parts...)...)
}

// patience gives services time on an emulated machine, and masks the service of AppArmor, which would compile profiles of programs
// that are not here for minutes. Docker loads its own profile itself.
const patience = "systemd.mask=apparmor.service systemd.mask=e2scrub_reap.service systemd.default_timeout_start_sec=900"

// qemu is the command line of a machine. accel is kvm or tcg.
func (m machine) qemu(accel, disk string, port int) []string {
	cpu := "host"
	if accel == "tcg" {
		accel, cpu = "tcg,thread=multi", "max,la57=off" // emulated five-level page tables cost time
	}
	return []string{
		"qemu-system-x86_64", "-name", "skidpad-vm", "-machine", "q35", "-accel", accel, "-cpu", cpu, "-smp", "2", "-m", "6G",
		"-nodefaults", "-no-reboot", "-display", "none", "-serial", "file:" + m.file("console.log"),
		"-kernel", disk + "/vmlinuz", "-initrd", disk + "/initrd", "-append", "root=/dev/vda rw console=ttyS0 mitigations=off audit=0 " + patience,
		"-drive", "file=" + disk + "/disk.img,if=virtio,format=raw,snapshot=on", // changes go to a temporary file
		"-netdev", fmt.Sprintf("user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:%d-:22", port), "-device", "virtio-net-pci,netdev=net",
		"-virtfs", "local,path=" + m.file("share") + ",mount_tag=share,security_model=none,readonly=on",
		"-device", "virtio-rng-pci",
	}
}

// accel returns kvm if this user may use /dev/kvm on a processor that virtualises, else tcg.
func accel(cpuinfo string, kvm error) string {
	for _, word := range strings.Fields(cpuinfo) {
		if kvm == nil && (word == "vmx" || word == "svm") {
			return "kvm"
		}
	}
	return "tcg"
}

func accelHere() string {
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo")
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err == nil {
		_ = f.Close()
	}
	return accel(string(cpuinfo), err)
}

// running reports whether a machine of an earlier run still runs.
func (m machine) running() (bool, error) {
	pid, err := m.number("pid")
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && strings.HasPrefix(string(name), "qemu"), nil
}

// start boots the machine, and waits for its engine.
func (m machine) start(ctx context.Context) error {
	dir, err := disk(ctx)
	if err != nil {
		return err
	}
	if err := m.newKey(ctx); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	args := m.qemu(accelHere(), dir, port)
	cmd := exec.Command("nice", append([]string{"-n", "5"}, args...)...) //nolint:noctx // a kept machine outlives this run
	system.Detach(cmd)
	said, err := os.Create(m.file("qemu.log"))
	if err != nil {
		return err
	}
	defer func() { _ = said.Close() }()
	cmd.Stdout, cmd.Stderr = said, said
	say("%s", strings.Join(args, " "))
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("QEMU: %w; on Debian, as root, run: apt-get install -y qemu-system-x86", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if err := errors.Join(m.write("pid", cmd.Process.Pid), m.write("port", port)); err != nil {
		return errors.Join(err, cmd.Process.Kill())
	}
	began := time.Now()
	err = wait.Until(ctx, wait.For{What: "boot of the machine", Within: bootWithin, Every: time.Second, Each: time.Minute}, func(ctx context.Context) error {
		select {
		case err := <-ended:
			out, _ := os.ReadFile(said.Name())
			return wait.Stop(fmt.Errorf("QEMU ended: %w: %s", err, out))
		default:
		}
		out, err := m.ssh(ctx, user, "docker version --format '{{.Server.Version}}'").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		say("%6.1fs  booted, Docker %s", time.Since(began).Seconds(), strings.TrimSpace(string(out)))
		return nil
	})
	if err != nil {
		return errors.Join(fmt.Errorf("%w; the console is in %s", err, m.file("console.log")), m.stop())
	}
	return nil
}

// stop ends the machine. Nothing of the machine is kept.
func (m machine) stop() error {
	if there, err := m.running(); err != nil || !there {
		return err
	}
	pid, err := m.number("pid")
	if err != nil {
		return err
	}
	if err := system.Signal(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("process %d of QEMU: %w", pid, err)
	}
	return os.Remove(m.file("pid"))
}

// newKey makes the key of a new machine.
func (m machine) newKey(ctx context.Context) error {
	for _, old := range []string{"key", "key.pub"} {
		if err := os.Remove(m.file(old)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", m.file("key")).CombinedOutput(); err != nil {
		return fmt.Errorf("ssh-keygen: %w: %s; on Debian, as root, run: apt-get install -y openssh-client", err, out)
	}
	return os.Rename(m.file("key.pub"), m.file("share", "key.pub"))
}

// ssh is a command line for the shell of a user of the machine.
func (m machine) ssh(ctx context.Context, as, line string) *exec.Cmd {
	port, err := m.number("port")
	cmd := exec.CommandContext(ctx, "ssh", "-p", strconv.Itoa(port), "-i", m.file("key"), "-o", "BatchMode=yes",
		"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", // a new machine on loopback
		"-o", "ConnectTimeout=30", "-o", "ServerAliveInterval=60", "-o", "ServerAliveCountMax=10", as+"@127.0.0.1", line)
	cmd.Err = cmp.Or(cmd.Err, err)
	return cmd
}

func (m machine) number(file string) (int, error) {
	data, err := os.ReadFile(m.file(file))
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0, fmt.Errorf("%s: %w; remove the file", m.file(file), err)
	}
	return n, nil
}

func (m machine) write(file string, n int) error {
	return os.WriteFile(m.file(file), []byte(strconv.Itoa(n)+"\n"), 0o600)
}

// freePort returns a free port on loopback.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
