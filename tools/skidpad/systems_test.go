package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// TestOtherSystems reads the program's types as on Windows, the system that has least of Linux. Nothing is compiled, and of
// other modules' functions only the heads are read, so the test takes seconds; `make cross` compiles, also for macOS.
func TestOtherSystems(t *testing.T) {
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.LoadAllSyntax, //nolint:staticcheck // the types of all dependencies are wanted
		Env:  append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0"),
		ParseFile: func(files *token.FileSet, name string, text []byte) (*ast.File, error) {
			f, err := parser.ParseFile(files, name, text, parser.SkipObjectResolution)
			if f != nil && strings.Contains(name, "@") { // of the module cache
				for _, d := range f.Decls {
					if fn, ok := d.(*ast.FuncDecl); ok {
						fn.Body = nil
					}
				}
			}
			return f, err
		},
	}, ".")
	if err != nil {
		t.Fatal(err)
	}
	ours := 0
	packages.Visit(loaded, nil, func(p *packages.Package) {
		if !strings.HasPrefix(p.PkgPath, "skidpad.dev/skidpad") {
			return
		}
		ours++
		for _, e := range p.Errors {
			t.Error(e)
		}
	})
	if ours < 50 {
		t.Errorf("lab bug: only %d packages were read, so this test proves nothing", ours)
	}
}
