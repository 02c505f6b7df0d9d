// Package reveal gives routers of every software the secrets for their configuration.
package reveal

import (
	"errors"

	"skidpad.dev/skidpad/lab/scenario"
)

// Password returns the secret itself. Password returns an error if the plan comes from a lab's own record: the record
// has no secrets.
func Password(s scenario.Secret) (string, error) {
	if secret, ok := s.Reveal(); ok {
		return secret, nil
	}
	return "", errors.New("its password is not in the lab's record, as secrets are not; do it with the scenario: skidpad up SCENARIO")
}
