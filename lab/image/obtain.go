package image

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/plan"
)

// askWithin bounds a registry's answer whether an image exists.
const askWithin = 5 * time.Second

// errNoEngine is the reason why nothing can be pulled without an engine.
var errNoEngine = errors.New("there is no engine yet for the pull")

// Obtainable reports, without a pull or a build, whether images can be obtained under policy Auto: the engine has each
// image, a registry has the image, or the image has a recipe here. The error is about the first image without a way. A
// store without an engine cannot query; then only images that can neither be built nor are published count as
// unobtainable.
func (s *Store) Obtainable(ctx context.Context, images []plan.Image) error {
	b, err := build.New(s.engine, s.cache, nil)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, i := range images {
		for _, one := range flat(i) {
			group.Go(func() error { return s.obtainable(ctx, b, one) })
		}
	}
	return group.Wait()
}

func (s *Store) obtainable(ctx context.Context, b *build.Builder, i plan.Image) error {
	e, version, err := s.find(i)
	if err != nil {
		return err
	}
	_, buildErr := e.Recipe(b, version)
	if buildErr == nil {
		return nil
	}
	gone := &UnavailableError{Image: i, Policy: Auto, Build: buildErr, Pull: errNoEngine}
	if s.engine == nil || e.Upstream == nil {
		return gone
	}
	ref := e.Upstream(version)
	if _, ok, err := s.engine.Find(ctx, ref); err != nil || ok {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	if gone.Pull = s.engine.Published(ctx, ref); gone.Pull != nil {
		return gone
	}
	return nil
}

// NewWithoutEngine returns a store that knows the results of its recipes, and nothing of an engine.
func NewWithoutEngine(more ...Entry) *Store { return newStore(nil, more) }

// flat returns an image and the images inside.
func flat(i plan.Image) []plan.Image {
	alone := i
	alone.Preload = nil
	return append([]plan.Image{alone}, i.Preload...)
}

// Summary is the error's sentence without the causes.
func (u *UnavailableError) Summary() string {
	if u.Image.Reference {
		return fmt.Sprintf("%simage %s is not in the engine and cannot be pulled; %s", u.place(), u.Image.Name, u.remedy())
	}
	if u.Policy != Auto {
		return u.Error()
	}
	return fmt.Sprintf("image %s can be neither pulled nor built here", u.Image.Key())
}
