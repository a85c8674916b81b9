// Command registry serves an OCI registry with the referrers API on a loopback port, kept in memory, for tests: Debian's
// docker-registry has no such API. It writes its address on standard output and serves until it is stopped.
//
//	registry [127.0.0.1:PORT]
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	address := "127.0.0.1:0"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	handler := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
	log.Fatal(http.Serve(listener, handler))
}
