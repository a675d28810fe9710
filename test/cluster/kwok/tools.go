//go:build tools

// Package tools names what test/cluster/bin builds, so that `go mod tidy` keeps its dependencies.
package tools

import (
	_ "sigs.k8s.io/kwok/cmd/kwok"
)
