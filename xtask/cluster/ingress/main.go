// Command ingress is the local ingress of the local cluster: it serves the Ingress objects of one class over plain HTTP
// by passing each request to the matching Service's cluster address. It is a small stand-in for a real ingress
// controller on a developer's machine and in tests: no TLS, no annotations, no balancing of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// userAgent tells this program's API calls apart in the audit log.
const userAgent = "store-platform-local-ingress"

type options struct {
	kubeconfig, class, address, listen, health, forward string
}

func parseOptions() options {
	var o options
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig file of the cluster")
	flag.StringVar(&o.class, "class", "nginx", "ingress class to serve")
	flag.StringVar(&o.address, "address", "127.0.0.1", "address to publish in the status of each Ingress")
	flag.StringVar(&o.listen, "listen", "127.0.0.1:8080", "address to serve HTTP on")
	flag.StringVar(&o.health, "health", "127.0.0.1:8081", "address that answers GET /healthz with 200 once the routes are known")
	flag.StringVar(&o.forward, "forward", "", "LISTEN=TARGET: also pass TCP connections on, so that pods reach an API server on loopback")
	flag.Parse()
	return o
}

func main() {
	o := parseOptions()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, o options) error {
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return err
	}
	config.UserAgent = userAgent
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if o.forward != "" {
		listen, target, ok := strings.Cut(o.forward, "=")
		if !ok {
			return errors.New("-forward wants LISTEN=TARGET")
		}
		if err := forward(ctx, listen, target); err != nil {
			return err
		}
	}
	routes := newRoutes(client, o.class, o.address)
	failed := make(chan error, 2)
	serve(ctx, o.listen, newProxy(routes), failed)
	serve(ctx, o.health, routes.health(), failed)
	go routes.run(ctx)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

func serve(ctx context.Context, address string, handler http.Handler, failed chan<- error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		failed <- err
		return
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() { failed <- server.Serve(listener) }()
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
}
