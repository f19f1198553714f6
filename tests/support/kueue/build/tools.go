//go:build tools

package build

import _ "sigs.k8s.io/kueue/cmd/kueue"
