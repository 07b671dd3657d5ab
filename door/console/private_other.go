//go:build !unix

package console

// private has nothing to do where files carry no mode.
func private() {}
