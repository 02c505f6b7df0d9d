package build

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// baseEngine has a registry with some images. Its workshops print the last word of each script.
type baseEngine struct {
	Engine
	published []string
	pulled    []string
	scripts   []string
	open      int
	online    bool
}

func (e *baseEngine) Find(_ context.Context, ref string) (Found, bool, error) {
	return Found{}, slices.Contains(e.pulled, ref), nil
}

func (e *baseEngine) Pull(_ context.Context, ref string) error {
	if !slices.Contains(e.published, ref) {
		return errors.New("no registry has " + ref)
	}
	e.pulled = append(e.pulled, ref)
	return nil
}

func (e *baseEngine) Workshops(context.Context) (map[string]Workshop, error) { return nil, nil }

func (e *baseEngine) Workshop(_ context.Context, _, _ string, online bool) (Workshop, error) {
	e.open++
	e.online = online
	return baseShop{e}, nil
}

type baseShop struct{ e *baseEngine }

func (s baseShop) Exec(_ context.Context, _ io.Reader, out io.Writer, script string) error {
	s.e.scripts = append(s.e.scripts, script)
	if out == nil {
		return nil
	}
	_, err := io.WriteString(out, script[strings.LastIndexByte(script, ' ')+1:])
	return err
}

func (baseShop) Commit(context.Context, string, map[string]string) error { return nil }

func (s baseShop) Close() error {
	s.e.open--
	return nil
}

// TestRootFSInTheEngine makes a root file system without mmdebstrap and apt-get on the path.
func TestRootFSInTheEngine(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("http_proxy", "http://it's:1")
	root := RootFS{Name: "tiny", Packages: []string{"tini"}}
	for name, c := range map[string]struct {
		from      string
		published []string
		want      string // the image, or a part of the error
		fails     bool
	}{
		"published":             {published: []string{Base}, want: Base},
		"the user's registry":   {from: "host/folder", published: []string{"host/folder/" + Base, Base}, want: "host/folder/" + Base},
		"not there, published":  {from: "host/folder", published: []string{Base}, want: Base},
		"no registry, no tools": {want: "no registry has " + Base, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			e := &baseEngine{published: c.published}
			b, err := New(e, t.TempDir(), nil)
			if err != nil {
				t.Fatal(err)
			}
			b.From = c.from
			dir, err := b.RootFS(t.Context(), root)
			if c.fails {
				if err == nil || !strings.Contains(err.Error(), "building images needs mmdebstrap") || !strings.Contains(err.Error(), c.want) {
					t.Errorf("seen %v, want both reasons", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(e.pulled, []string{c.want}) || e.open != 0 || !e.online {
				t.Errorf("pulled %v, %d workshops open, online %t", e.pulled, e.open, e.online)
			}
			for _, part := range []string{"apt-get install", "'mmdebstrap'", "tini", `export 'http_proxy=http://it'\''s:1'`} {
				if !strings.Contains(e.scripts[0], part) {
					t.Errorf("the script has no %s:\n%s", part, e.scripts[0])
				}
			}
			for _, file := range []string{"rootfs.tar", "packages.txt"} {
				if data, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(data) != "/work/out/"+file {
					t.Errorf("%s is %q, %v", file, data, err)
				}
			}
		})
	}
}
