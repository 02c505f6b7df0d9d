package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"skidpad.dev/skidpad/lab/image/build"
)

// suite is the release of Debian. Debian 13 has Docker 26; testing has Docker 28.
const suite = "forky"

// size of the disk, which is sparse.
const size = "24G"

// user is the name of the user in the group docker.
const user = "dev"

// packages are those of a host, and Debian's kernel.
const packages = `systemd-sysv udev dbus libpam-systemd kmod mount passwd login apparmor linux-image-amd64 initramfs-tools zstd
	docker.io docker-cli iptables nftables iproute2 procps ca-certificates openssh-server iputils-ping less`

// hook sets the machine up. The root file system is "$1". The kernel's parameters name the disk, and the folder shared with the
// host has the key of the users; see machine.go.
const hook = `
echo skidpad-vm > "$1"/etc/hostname
echo '127.0.0.1 localhost skidpad-vm' > "$1"/etc/hosts
chroot "$1" useradd --create-home --shell /bin/bash --groups docker ` + user + `
mkdir -p "$1"/share "$1"/etc/systemd/network "$1"/etc/ssh/sshd_config.d
echo 'share /share 9p trans=virtio,version=9p2000.L,msize=524288,ro 0 0' > "$1"/etc/fstab
printf '[Match]\nName=en*\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\nIPv6AcceptRA=no\n' > "$1"/etc/systemd/network/host.network
printf 'PermitRootLogin prohibit-password\nStrictModes no\nAuthorizedKeysFile /share/key.pub\nUseDNS no\n' > "$1"/etc/ssh/sshd_config.d/vm.conf
chroot "$1" systemctl enable systemd-networkd
chroot "$1" systemctl disable systemd-networkd-wait-online
echo 'MODULES=list' > "$1"/etc/initramfs-tools/conf.d/vm
printf 'virtio_pci\nvirtio_blk\next4\n' >> "$1"/etc/initramfs-tools/modules
chroot "$1" update-initramfs -u -k all
`

// filling makes disk.img, vmlinuz and initrd of the root file system $0 in the current folder. An empty machine-id and the two
// files .updated spare the machine the work of a first boot (machine-id(5), systemd-update-done.service(8)).
const filling = `
mkdir root
tar --extract --numeric-owner --file="$0" --directory=root
: > root/etc/machine-id
touch root/etc/.updated root/var/.updated
cp root/boot/vmlinuz-* vmlinuz
cp root/boot/initrd.img-* initrd
truncate --size=` + size + ` disk.img
mke2fs -q -t ext4 -d root disk.img
rm -rf root
`

// disk returns a folder with disk.img, vmlinuz, initrd and packages.txt. The folder is made once for each recipe.
func disk(ctx context.Context) (string, error) {
	b, err := build.New(nil, "", func(e build.Event) {
		say("%6.1fs  %s %s %s", e.Elapsed.Seconds(), e.What, e.Status, e.Detail)
	})
	if err != nil {
		return "", err
	}
	root := build.RootFS{Name: "vm-rootfs", Suite: suite, Packages: strings.Fields(packages), Hooks: []string{hook}}
	return b.Artefact(ctx, "vm-disk", build.Hash(root.Key(), filling), func(ctx context.Context, dir string) error {
		from, err := b.RootFS(ctx, root)
		if err != nil {
			return err
		}
		began := time.Now()
		cmd := exec.CommandContext(ctx, "sh", "-euc", filling, from+"/rootfs.tar")
		if os.Geteuid() != 0 { // the files' owners are subordinate user IDs
			cmd = exec.CommandContext(ctx, "unshare", append([]string{"--map-root-user", "--map-auto"}, cmd.Args...)...)
		}
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("disk of %s: %w: %s; needed are tar, truncate, and mke2fs of e2fsprogs", root.Name, err, out)
		}
		say("%6.1fs  vm-disk made", time.Since(began).Seconds())
		return nil
	})
}
