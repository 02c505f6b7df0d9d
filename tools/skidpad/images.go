package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/host"
	"skidpad.dev/skidpad/lab/image"
)

func imagesCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "images",
		Short:   "Build, list, save, load and prune the images of labs",
		Example: "  skidpad images list\n  skidpad images build cilium-bgp-vrrp",
	}
	cmd.AddCommand(imagesBuildCmd(), imagesListCmd(), imagesSaveCmd(), imagesLoadCmd(), imagesPruneCmd())
	return cmd
}

// store opens the catalogue over the engine, and starts the engine if possible.
func store(ctx context.Context) (*image.Store, error) {
	if err := host.EnsureEngine(ctx, func(s string) { fmt.Fprintln(os.Stderr, s) }); err != nil {
		return nil, err
	}
	eng, err := docker.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return image.New(eng, lab.Images()...), nil
}

func imagesBuildCmd() *cobra.Command {
	policy := policyFlag{image.Auto}
	cmd := &cobra.Command{
		Use:   "build [SCENARIO...]",
		Short: "Provide every image of scenarios in the engine: found, pulled or built",
		Long: "An image is identified by a hash of its sources, so an image in the engine is not built again. An interrupted build continues.\n" +
			"--push copies the images built here to a registry of yours; --from pulls the copies instead of a build. The credentials are those of\n" +
			"`docker login`.",
		Example: "  skidpad images build\n  skidpad images build frr-bfd --push localhost:5000/skidpad",
	}
	var push, from string
	cmd.Flags().StringVar(&push, "push", "", "push the images built here to this folder of a registry: HOST/FOLDER")
	cmd.Flags().StringVar(&from, "from", "", "pull the images of --push, and debian:bookworm-slim for builds, from this folder of a registry: HOST/FOLDER")
	cmd.Flags().Var(&policy, "images", "source of images: auto, pull, build or local")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		if len(names) == 0 {
			names = []string{defaultScenario}
		}
		s, err := store(cmd.Context())
		if err != nil {
			return err
		}
		s.From = from
		for _, name := range names {
			images, err := buildFor(cmd, s, name, policy.Policy)
			if err == nil && push != "" {
				err = s.Push(cmd.Context(), images, push, func(ref string) { fmt.Fprintln(cmd.OutOrStdout(), ref) })
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

func buildFor(cmd *cobra.Command, s *image.Store, name string, policy image.Policy) (map[string]image.Resolved, error) {
	sc, err := loadScenario(name)
	if err != nil {
		return nil, err
	}
	p, err := lab.Draft(cmd.Context(), lab.Options{Scenario: sc})
	if err != nil {
		return nil, err
	}
	return s.Ensure(cmd.Context(), p.Images, policy, func(e image.Event) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%7.1fs  %-28s %-8s %s\n", e.Elapsed.Seconds(), e.What, e.Status, e.Detail)
	})
}

func imagesListCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the catalogue's images in the engine",
		Example: "  skidpad images list -o json",
		Args:    args(cobra.NoArgs),
	}
	f := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		list, err := listImages(cmd.Context())
		if err != nil {
			return err
		}
		return printAs(cmd.OutOrStdout(), *f, list, func(w io.Writer) error {
			var rows [][]string
			for _, i := range list {
				var parts []string
				for _, k := range slices.Sorted(maps.Keys(i.Parts)) {
					parts = append(parts, k+" "+i.Parts[k])
				}
				rows = append(rows, []string{i.Ref, i.Source, fmt.Sprintf("%.0f MB", float64(i.Size)/1e6), strings.Join(parts, ", ")})
			}
			return writeTable(w, []string{"IMAGE", "SOURCE", "SIZE", "PARTS"}, rows)
		})
	}
	return cmd
}

func listImages(ctx context.Context) ([]image.Resolved, error) {
	eng, err := docker.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return image.New(eng, lab.Images()...).List(ctx)
}

func imagesSaveCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "save FILE",
		Short:   "Write all images to one archive, for a machine without a network",
		Example: "  skidpad images save images.tar",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) (err error) {
			eng, err := docker.Connect(cmd.Context())
			if err != nil {
				return err
			}
			s := image.New(eng, lab.Images()...)
			list, err := s.List(cmd.Context())
			if err != nil {
				return err
			}
			f, err := os.Create(a[0])
			if err != nil {
				return usage("%w", err)
			}
			if err := s.Save(cmd.Context(), f, list); err != nil {
				_ = f.Close()
				_ = os.Remove(a[0])
				return err
			}
			return f.Close()
		},
	}
}

func imagesLoadCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "load FILE",
		Short:   "Read an archive of `images save` into the engine",
		Example: "  skidpad images load images.tar",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			f, err := os.Open(a[0])
			if err != nil {
				return usage("%w", err)
			}
			defer f.Close()
			s, err := store(cmd.Context())
			if err != nil {
				return err
			}
			return s.Load(cmd.Context(), f)
		},
	}
}

func imagesPruneCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove images built from older sources",
		Long: "Removes the images with changed sources, and the node images with a changed image inside. Pulled images stay, " +
			"and images of labs stay and are listed.",
		Example: "  skidpad images prune --dry-run",
		Args:    args(cobra.NoArgs),
	}
	dry := cmd.Flags().Bool("dry-run", false, "print the images to remove, and remove nothing")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		eng, err := docker.Connect(cmd.Context())
		if err != nil {
			return err
		}
		s := image.New(eng, lab.Images()...)
		old, err := s.Superseded(cmd.Context())
		if err != nil {
			return err
		}
		var kept map[string]error
		if !*dry {
			kept, err = s.Remove(cmd.Context(), old)
		}
		for _, i := range old {
			if why := kept[i.Ref]; why != nil {
				fmt.Fprintf(cmd.OutOrStdout(), "kept     %s: %v\n", i.Ref, why)
			} else {
				fmt.Fprintf(cmd.OutOrStdout(), "%-8s %s\n", map[bool]string{true: "would be", false: "removed"}[*dry], i.Ref)
			}
		}
		return err
	}
	return cmd
}
