package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Base is the published image of the container that makes root file systems in the engine.
const Base = "debian:" + Suite + "-slim"

// inDebian makes a root file system in a container of Base. Any user of the engine may do so, on any system; a registry must
// be in reach, and Debian's packages from inside of a container.
func (b *Builder) inDebian(ctx context.Context, r RootFS, dir string) error {
	base, err := b.base(ctx)
	if err != nil {
		return err
	}
	shop, _, done, err := b.workshop(ctx, base, true)
	if err != nil {
		return err
	}
	defer done()
	var script strings.Builder
	for _, v := range append(environment(), proxies(os.Getenv)...) {
		fmt.Fprintf(&script, "export %s\n", shellQuote(v))
	}
	script.WriteString("export TMPDIR=/work/tmp; mkdir /work/tmp /work/out\n" +
		"apt-get update -q && apt-get install -yq --no-install-recommends mmdebstrap\n")
	for _, arg := range r.command("/work/out") {
		script.WriteString(shellQuote(arg) + " ")
	}
	if err := shop.Exec(ctx, nil, nil, script.String()); err != nil {
		return fmt.Errorf("root file system %s of packages of Debian %s: %w", r.Name, r.suite(), err)
	}
	for _, name := range []string{"packages.txt", "rootfs.tar"} {
		out, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("root file system %s: %w", r.Name, err)
		}
		if err := errors.Join(shop.Exec(ctx, nil, out, "cat /work/out/"+name), out.Close()); err != nil {
			return fmt.Errorf("root file system %s: %w", r.Name, err)
		}
	}
	return nil
}

// base returns the name of Base in the engine: of an earlier pull, from the user's registry, or as published.
func (b *Builder) base(ctx context.Context) (string, error) {
	names := []string{Base}
	if b.From != "" {
		names = []string{b.From + "/" + Base, Base}
	}
	var errs []error
	for _, name := range names {
		if _, ok, err := b.Engine.Find(ctx, name); err != nil {
			return "", err
		} else if ok {
			return name, nil
		}
		err := b.Engine.Pull(ctx, name)
		if err == nil {
			return name, nil
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

// proxies returns the variables of this process that name HTTP proxies.
func proxies(get func(string) string) []string {
	var all []string
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if v := get(name); v != "" {
			all = append(all, name+"="+v)
		}
	}
	return all
}
