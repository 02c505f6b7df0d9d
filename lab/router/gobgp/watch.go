package gobgp

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strconv"
)

// Stations asks gobgpd. All stations are added at run time: labs write none into the configuration.
func (r *Router) Stations(ctx context.Context) (map[int]bool, error) {
	out, err := r.bmp(ctx)
	if err != nil {
		return nil, err
	}
	return parseStations(out), nil
}

var stationLine = regexp.MustCompile(`(?m)^127\.0\.0\.1:(\d+) `)

// parseStations reads `gobgp bmp`: a table with a station a line, beginning with the station's address.
func parseStations(out []byte) map[int]bool {
	ports := map[int]bool{}
	for _, m := range stationLine.FindAllSubmatch(out, -1) {
		if port, err := strconv.Atoi(string(m[1])); err == nil {
			ports[port] = true
		}
	}
	return ports
}

// AddStation asks for all routes from peers, before policy: GoBGP keeps the routes of all peers.
func (r *Router) AddStation(ctx context.Context, port int) error {
	_, err := r.bmp(ctx, "add", fmt.Sprintf("127.0.0.1:%d", port), "pre")
	return err
}

// RemoveStation removes a station.
func (r *Router) RemoveStation(ctx context.Context, port int) error {
	_, err := r.bmp(ctx, "del", fmt.Sprintf("127.0.0.1:%d", port))
	return err
}

func (r *Router) bmp(ctx context.Context, args ...string) ([]byte, error) {
	out, err := r.Exec(ctx, append([]string{"gobgp", "bmp"}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("BMP of %s: %w: %s", r.Name(), err, bytes.TrimSpace(out))
	}
	return out, nil
}
