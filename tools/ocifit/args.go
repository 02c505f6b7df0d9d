package main

import (
	"path/filepath"
	"strings"
)

// takesValue reports whether one of runc's options before the command takes a value as a word of its own.
func takesValue(option string) bool {
	switch option {
	case "log", "log-format", "root", "criu", "rootless":
		return true
	}
	return false
}

// specFile returns the file with the capabilities of a runc command line, and whether the file is a bundle's
// config.json (else a process.json). specFile returns "" for commands without capabilities, and for an exec with its
// process on the command line.
func specFile(args []string) (path string, isConfig bool) {
	command := commandAt(args)
	if command == len(args) {
		return "", false
	}
	rest := args[command+1:]
	switch args[command] {
	case "create", "run", "restore":
		bundle := option(rest, "bundle", "b")
		return filepath.Join(bundle, "config.json"), true
	case "exec":
		return option(rest, "process", "p"), false
	}
	return "", false
}

// commandAt returns the index of the first word that is neither a global option nor an option's value.
func commandAt(args []string) int {
	for i := 0; i < len(args); i++ {
		name, isOption := strings.CutPrefix(args[i], "-")
		if !isOption {
			return i
		}
		if takesValue(strings.TrimPrefix(name, "-")) {
			i++
		}
	}
	return len(args)
}

// option returns the value of an option by its long or short name, or "".
func option(args []string, long, short string) string {
	for i, arg := range args {
		name, value, joined := strings.Cut(arg, "=")
		if name != "--"+long && name != "-"+long && name != "-"+short && name != "--"+short {
			continue
		}
		if joined {
			return value
		}
		if i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}
