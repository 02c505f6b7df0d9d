// Package reveal gives routers of every software the secrets that their configuration must hold.
package reveal

import (
	"errors"

	"skidpad.dev/skidpad/lab/scenario"
)

// Password is the secret itself. It is an error where the plan was read from a lab's own record, which has none.
func Password(s scenario.Secret) (string, error) {
	if secret, ok := s.Reveal(); ok {
		return secret, nil
	}
	return "", errors.New("its password is not in the lab's record, as secrets are not; do it with the scenario: skidpad up SCENARIO")
}
