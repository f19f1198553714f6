// Command etcd is etcd's own main, as a package of this module: `go build` takes versions from one go.mod only.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
