package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

var ciliumTags = []string{"osusergo", "ipam_provider_operator"}

// ciliumJoint is the file name of the joint program: agent, cilium-dbg, CNI plugin and Hubble CLI in one program of 138
// MB, instead of four programs of 380 MB. The joint program starts as the agent, or as the program of its file name. As
// the CNI plugin, the joint program starts some 25 ms slower than alone.
//
// No other program can join. The init functions of cilium-health would run their set-up in every command of the joint
// program. Upstream itself supports a link of cilium-dbg with the agent (components.IsCiliumAgent).
const ciliumJoint = "cilium"

// ciliumJoined are the joined programs' main packages, by the names of their copied packages.
var ciliumJoined = map[string]string{
	"agent": "daemon", "dbg": "cilium-dbg", "cni": "plugins/cilium-cni", "hubble": "hubble",
}

// ciliumOwn are the main packages of the separate programs, by program.
var ciliumOwn = map[string]string{
	"cilium-mount":            "tools/mount", // copied to the node at every start, like the next
	"cilium-sysctlfix":        "tools/sysctlfix",
	"cilium-health":           "cilium-health",
	"cilium-health-responder": "cilium-health/responder",
	"cilium-bugtool":          "bugtool",
	"cilium-operator-generic": "operator",
}

const jointTemplate = `// Program {{.Name}} is several of Cilium's programs: the one that it is called by the name of.
package main

import (
	"os"
	"path/filepath"

{{- range .Packages}}
	"{{$.Module}}/{{.Name}}"
{{- end}}
)

func main() {
	switch filepath.Base(os.Args[0]) {
{{- range .Packages}}
{{- if ne .Name "agent"}}
	case {{.Programs}}:
		{{- if .HasInit}}
		{{.Name}}.Init()
		{{- end}}
		{{.Name}}.Main()
{{- end}}
{{- end}}
	default:
		agent.Main()
	}
}
`

// jointPrograms are the names of the joint program, in the form of a case clause.
var jointPrograms = map[string]string{
	"dbg": `"cilium-dbg", "cilium"`, "cni": `"cilium-cni"`, "hubble": `"hubble"`,
}

// ciliumPrograms returns a folder with all of Cilium's programs, and builds the programs if missing. The operator is
// part of the build, because the operator shares most of its packages with the agent.
func (b *Builder) ciliumPrograms(ctx context.Context, src ciliumSource) (string, error) {
	return b.Artefact(ctx, "cilium-"+src.tag()+"-programs", src.programsKey(), func(ctx context.Context, dir string) error {
		return b.Heavy(ctx, func() error { return buildCilium(ctx, src, dir) })
	})
}

// module makes a temporary Go module for builds of the source's programs, and returns the source's folder and the programs'
// version, too.
func (s ciliumSource) module(ctx context.Context) (dir, stamp, module string, err error) {
	if dir, err = s.dir(ctx); err != nil {
		return "", "", "", err
	}
	if stamp, err = s.stamp(ctx); err != nil {
		return "", "", "", err
	}
	if module, err = os.MkdirTemp("", "skidpad-cilium-"); err != nil {
		return "", "", "", err
	}
	return dir, stamp, module, s.writeModule(dir, module)
}

func buildCilium(ctx context.Context, src ciliumSource, to string) error {
	fail := func(err error) error { return fmt.Errorf("build Cilium %s: %w", src.tag(), err) }
	dir, stamp, module, err := src.module(ctx)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(module) }()
	dockerfile, err := os.ReadFile(filepath.Join(dir, "images", "cilium", "Dockerfile"))
	if err != nil {
		return fail(err)
	}
	flags := fmt.Sprintf(`-s -w -X "%s/pkg/version.ciliumVersion=%s" -X %[1]s/hubble/pkg.Version=v%[3]s`, ciliumModule, stamp, src.version)
	if envoy := envoyRevision(dockerfile); envoy != "" {
		flags += fmt.Sprintf(` -X "%s/pkg/envoy.requiredEnvoyVersionSHA=%s"`, ciliumModule, envoy)
	}
	args := []string{"-C", module, "build", "-trimpath", "-buildvcs=false",
		"-tags", strings.Join(ciliumTags, ","), "-ldflags", flags, "-o", to + "/", "./" + ciliumJoint}
	names := map[string]string{}
	for _, program := range slices.Sorted(maps.Keys(ciliumOwn)) {
		pkg := ciliumOwn[program]
		if _, err := os.Stat(filepath.Join(dir, pkg, "main.go")); errors.Is(err, fs.ErrNotExist) {
			continue // not in this version
		}
		args = append(args, ciliumModule+"/"+pkg)
		names[filepath.Base(pkg)] = program
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = src.environ()
	if err := run(cmd); err != nil {
		return fail(err)
	}
	for from, program := range names {
		if err := os.Rename(filepath.Join(to, from), filepath.Join(to, program)); err != nil {
			return fail(err)
		}
	}
	return nil
}

// environ is the environment for the build of writeModule's module.
func (s ciliumSource) environ() []string {
	mode := "-mod=mod" // go.sum lacks the line of a release that is not pinned
	if s.mod != nil {
		mode = "-mod=readonly"
	}
	return append(os.Environ(), "GOWORK=off", "GOFLAGS="+mode, "GOOS=linux", "CGO_ENABLED=0")
}

// writeModule writes the module of the build: go.mod, go.sum and the joint program. The joint program's packages are
// Cilium's main packages (in dir), made importable.
func (s ciliumSource) writeModule(dir, module string) error {
	mod, sum := s.mod, s.sum
	if mod == nil {
		upstream, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil {
			return err
		}
		if sum, err = os.ReadFile(filepath.Join(dir, "go.sum")); err != nil {
			return err
		}
		mod = s.goMod(upstream)
	}
	type joined struct {
		Name, Programs string
		HasInit        bool
	}
	var packages []joined
	for _, name := range slices.Sorted(maps.Keys(ciliumJoined)) {
		from := filepath.Join(dir, ciliumJoined[name])
		if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) && name == "hubble" {
			continue // releases before 1.16 have no Hubble CLI of their own
		}
		hasInit, err := importable(from, filepath.Join(module, name))
		if err != nil {
			return err
		}
		packages = append(packages, joined{name, jointPrograms[name], hasInit})
	}
	var program bytes.Buffer
	err := template.Must(template.New("").Parse(jointTemplate)).Execute(&program, map[string]any{
		"Name": ciliumJoint, "Module": "skidpad.dev/skidpad/" + modCilium, "Packages": packages,
	})
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(module, ciliumJoint), 0o755); err != nil {
		return err
	}
	for name, data := range map[string][]byte{"go.mod": mod, "go.sum": sum, ciliumJoint + "/main.go": program.Bytes()} {
		if err := os.WriteFile(filepath.Join(module, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

var (
	packageMain = regexp.MustCompile(`(?m)^package main$`)
	funcMain    = regexp.MustCompile(`(?m)^func main\(\)`)
	funcInit    = regexp.MustCompile(`(?m)^func init\(\)`)
)

// importable copies a main package and makes the copy importable: the main function becomes Main, and the init
// function, written for a single program, becomes Init. importable reports whether there was an init function.
func importable(from, to string) (hasInit bool, err error) {
	files, err := filepath.Glob(filepath.Join(from, "*.go"))
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return false, err
	}
	hasMain := false
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return false, err
		}
		hasMain = hasMain || funcMain.Match(data)
		hasInit = hasInit || funcInit.Match(data)
		data = packageMain.ReplaceAll(data, []byte("package "+filepath.Base(to)))
		data = funcMain.ReplaceAll(data, []byte("func Main()"))
		data = funcInit.ReplaceAll(data, []byte("func Init()"))
		if err := os.WriteFile(filepath.Join(to, filepath.Base(file)), data, 0o644); err != nil {
			return false, err
		}
	}
	if !hasMain {
		return false, fmt.Errorf("%s has no main function; this version of Cilium needs another recipe", from)
	}
	return hasInit, nil
}
