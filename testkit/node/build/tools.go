//go:build tools

// Package build pins what enforces network policies on the tests' node, so that one go.sum holds everything that is compiled into it.
package build

import (
	_ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
)
