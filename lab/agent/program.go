package agent

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
)

// EnvProgram is an environment variable with the path of the agent's program. Without the variable, the agent is this program
// or, if this program was not built for the engine's machine, the file skidpad-linux-ARCHITECTURE beside this program. All
// must be builds of one version.
const EnvProgram = "SKIDPAD_AGENT_PROGRAM"

// settle renames the new file $0 to $1, and removes the programs of earlier builds that are older than an hour.
const settle = `mv "$0" "$1" && find "${1%/*}" -name 'agent-*' ! -path "$1" -mmin +60 -delete`

const programFolder = "/usr/local/lib/skidpad"

// machines are ELF's names of the architectures, by the engine's names (Go's).
func machines() map[string]elf.Machine {
	return map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
}

// install copies the agent's program into the agent's container, unless the container has the program, and returns the path
// there.
func install(ctx context.Context, e *docker.Engine, name string) (string, error) {
	version, err := e.Client.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return "", err
	}
	file, id, err := programFor(version.Arch)
	if err != nil {
		return "", err
	}
	target := path.Join(programFolder, "agent-"+id)
	if _, err := e.Client.ContainerStatPath(ctx, name, client.ContainerStatPathOptions{Path: target}); err == nil {
		return target, nil
	}
	// Another process may install the same program meanwhile: the file appears whole, by a rename.
	fresh := fmt.Sprintf("%s.%d", target, os.Getpid())
	if err := upload(ctx, e, name, file, fresh); err != nil {
		return "", fmt.Errorf("copying the agent's program into container %s: %w; is the disk of the engine's machine full?", name, err)
	}
	_, err = e.Node(Role, node.Kind(Role), name).Exec(ctx, "sh", "-c", settle, fresh, target)
	return target, err
}

// programFor returns the agent's program for an architecture, and the program's ID.
func programFor(arch string) (file, id string, err error) {
	if file = os.Getenv(EnvProgram); file != "" {
		id, err = identify(file, arch)
		return file, id, err
	}
	own, err := os.Executable()
	if err != nil {
		return "", "", fmt.Errorf("this program's own file: %w", err)
	}
	return programBeside(own, arch)
}

// programBeside returns own if own runs on the engine's machine, or else the program beside own that does.
func programBeside(own, arch string) (file, id string, err error) {
	if id, err = identify(own, arch); err == nil {
		return own, id, nil
	}
	file = filepath.Join(filepath.Dir(own), "skidpad-linux-"+arch)
	if _, missing := os.Stat(file); missing != nil {
		return "", "", err
	}
	id, err = identify(file, arch)
	return file, id, err
}

// identify returns an ID of the program's contents, and an error if the engine's machine cannot run the program.
func identify(file, arch string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("the agent's program: %w", err)
	}
	defer func() { _ = f.Close() }()
	program, err := elf.NewFile(f)
	if err != nil || program.Machine != machines()[arch] {
		return "", fmt.Errorf("%s is no program for Linux on %s, the engine's machine; build one with `GOOS=linux GOARCH=%s go build -o skidpad-linux-%s ./tools/skidpad`, and put it beside this program or name it in %s",
			file, arch, arch, arch, EnvProgram)
	}
	sum := sha256.New()
	// The linker's note identifies the contents (go help buildid). Reading the whole file would take a second.
	if note := program.Section(".note.go.buildid"); note != nil {
		_, err = io.Copy(sum, note.Open())
	} else {
		_, err = io.Copy(sum, io.NewSectionReader(f, 0, 1<<62))
	}
	if err != nil {
		return "", fmt.Errorf("the agent's program %s: %w", file, err)
	}
	return hex.EncodeToString(sum.Sum(nil))[:12], nil
}

// upload copies a file into the container. On the way to a remote engine, the file is compressed.
func upload(ctx context.Context, e *docker.Engine, name, file, target string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(archive(w, f, info.Size(), target, !e.Local()))
	}()
	_, err = e.Client.CopyToContainer(ctx, name, client.CopyToContainerOptions{DestinationPath: "/", Content: r})
	_ = r.Close()
	return err
}

// archive writes a tar archive of one program.
func archive(w io.Writer, program io.Reader, size int64, target string, compress bool) error {
	end := func() error { return nil }
	if compress {
		z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
		if err != nil {
			return err
		}
		w, end = z, z.Close
	}
	t := tar.NewWriter(w)
	if err := t.WriteHeader(&tar.Header{Name: strings.TrimPrefix(target, "/"), Mode: 0o755, Size: size, Typeflag: tar.TypeReg, ModTime: time.Now()}); err != nil {
		return err
	}
	_, err := io.Copy(t, program)
	return errors.Join(err, t.Close(), end())
}
