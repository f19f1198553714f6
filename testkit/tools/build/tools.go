//go:build tools

// Package build pins the programs that tests of the chart and of GitOps run, so that one go.sum holds everything that is compiled into them.
package build

import (
	_ "helm.sh/helm/v3/cmd/helm"
)
