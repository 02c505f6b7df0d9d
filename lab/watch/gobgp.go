package watch

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strconv"

	"skidpad.dev/skidpad/lab/node"
)

// gobgp is a GoBGP router. Its stations are those that it was told while it ran: labs write none in its configuration.
type gobgp struct{ node node.Node }

var _ exporter = gobgp{}

func (g gobgp) stations(ctx context.Context) (map[int]bool, error) {
	out, err := g.bmp(ctx)
	if err != nil {
		return nil, err
	}
	return parseGoBGPStations(out), nil
}

var gobgpStation = regexp.MustCompile(`(?m)^127\.0\.0\.1:(\d+) `)

// parseGoBGPStations reads `gobgp bmp`: a table with a station a line, its address first.
func parseGoBGPStations(out []byte) map[int]bool {
	ports := map[int]bool{}
	for _, m := range gobgpStation.FindAllSubmatch(out, -1) {
		if port, err := strconv.Atoi(string(m[1])); err == nil {
			ports[port] = true
		}
	}
	return ports
}

// connect asks for what peers send, before policy: GoBGP keeps that of all of them.
func (g gobgp) connect(ctx context.Context, port int) error {
	_, err := g.bmp(ctx, "add", fmt.Sprintf("127.0.0.1:%d", port), "pre")
	return err
}

func (g gobgp) disconnect(ctx context.Context, port int) error {
	_, err := g.bmp(ctx, "del", fmt.Sprintf("127.0.0.1:%d", port))
	return err
}

func (g gobgp) bmp(ctx context.Context, args ...string) ([]byte, error) {
	out, err := g.node.Exec(ctx, append([]string{"gobgp", "bmp"}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("BMP of %s: %w: %s", g.node.Name(), err, bytes.TrimSpace(out))
	}
	return out, nil
}
