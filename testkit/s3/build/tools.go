//go:build tools

// Package build pins what testkit/s3 builds.
package build

import _ "github.com/versity/versitygw/cmd/versitygw"
