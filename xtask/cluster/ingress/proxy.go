package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

type backendKey struct{}

// newProxy passes each request to the Service that routes names for its host and path, and answers 503 when there is none.
func newProxy(routes *routes) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: r.In.Context().Value(backendKey{}).(string)})
			// Shops build their links from the host that the visitor typed.
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
		FlushInterval: -1,
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 16,
			IdleConnTimeout:     30 * time.Second,
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() != nil {
				return
			}
			log.Printf("%s %s%s: %v", r.Method, r.Host, r.URL.Path, err)
			unavailable(w, fmt.Sprintf("the store behind %q does not answer", r.Host))
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		backend, err := routes.backend(r.Host, r.URL.Path)
		if err != nil {
			unavailable(w, err.Error())
			return
		}
		proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), backendKey{}, backend)))
	})
}

func unavailable(w http.ResponseWriter, reason string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Retry-After", "2")
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprintf(w, "503: %s (local ingress)\n", reason)
}
